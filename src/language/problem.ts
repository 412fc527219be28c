// What is wrong with a value, in one line, in the caller's language where zod speaks it.
import type { z } from "zod"
import zhCN from "zod/v4/locales/zh-CN.js"
import type { Language } from "./language.ts"

/** The first fault of a zod error: `data.text: must be ...`. */
export function problemOf(error: z.ZodError): string {
  const issue = error.issues[0]
  if (!issue) return "unknown"
  const path = issue.path.map(String).join(".")
  return (path ? `${path}: ${issue.message}` : issue.message).slice(0, 300).toWellFormed()
}

/** The same for a caller. Checks again for the sake of the words, which only a refused value pays for. */
export function problemFor(language: Language, schema: z.ZodType, value: unknown, error: z.ZodError): string {
  const inChinese = language === "zh" ? schema.safeParse(value, { error: zhCN().localeError }) : undefined
  return problemOf(inChinese?.error ?? error)
}
