// What a person answered, as an agent's interrupts want it.
import type { ResumeEntry } from "@ag-ui/client"
import { Confirmation } from "../../protocol/form.ts"
import type { Asked } from "./memory.ts"
import { editsNames, wordsNames } from "./question.ts"

export interface Resumed {
  readonly resume: ResumeEntry[]
  /** The person said something else: the interrupts are given up, and this is said. */
  readonly words?: string
}

/** `answer`: the person's, undefined when something was said that is none. Every interrupt gets an entry, as the protocol asks. */
export function resumeWith(asked: readonly Asked[], answer: unknown, text: string): Resumed {
  const fits = typeof answer === "object" && answer !== null
  const only =
    asked.length === 1 && asked[0]?.kind !== "approval" && asked[0]?.fields.length === 1 ? asked[0] : undefined
  const field = only?.fields[0]
  if (typeof answer === "string" && only && field && !field.confirm) {
    return { resume: [entry(only, { [field.key]: answer })] }
  }
  if (fits) return { resume: asked.map((one) => entry(one, answer)) }
  return { resume: asked.map(({ interrupt }) => ({ interruptId: interrupt.id, status: "cancelled" })), words: text }
}

function entry({ interrupt, kind, fields }: Asked, answer: object): ResumeEntry {
  const given = fields.flatMap(({ key, property, confirm }) => {
    const value: unknown = Reflect.get(answer, key)
    return value === undefined ? [] : [{ property, value: confirm ? confirmed(value) : value, raw: value }]
  })
  const resolved = { interruptId: interrupt.id, status: "resolved" as const }
  const [first] = given
  if (!first) return { interruptId: interrupt.id, status: "cancelled" }
  if (kind === "value") return { ...resolved, payload: structured(first.value, interrupt.responseSchema) }
  const payload = Object.fromEntries(given.map(({ property, value }) => [property, value]))
  if (kind === "object") return { ...resolved, payload }
  return { ...resolved, payload: { ...payload, ...alongside(first.raw, interrupt.responseSchema) } }
}

function confirmed(value: unknown): unknown {
  return typeof value === "boolean" ? value : (Confirmation.safeParse(value).data?.approved ?? false)
}

/** What the person changed, and said, along with the yes or the no, under the names that the agent has for them. */
function alongside(value: unknown, schema: Record<string, unknown> = {}): Record<string, unknown> {
  const { properties } = schema
  const { data } = Confirmation.safeParse(value)
  if (!data || typeof properties !== "object" || properties === null) return {}
  const edits = editsNames.find((name) => name in properties)
  const words = wordsNames.find((name) => name in properties)
  return {
    ...(edits && data.approved && data.value !== undefined ? { [edits]: data.value } : {}),
    ...(words && data.comment ? { [words]: data.comment } : {}),
  }
}

/** Where no field could ask for it, the person may have written JSON into the text. */
function structured(value: unknown, schema: Record<string, unknown> | undefined): unknown {
  if (typeof value !== "string" || !schema || schema.type === "string" || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
