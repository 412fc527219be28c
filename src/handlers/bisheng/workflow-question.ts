// What a workflow asks, as a question of ours; and the answer to it, as the workflow wants it.
import { z } from "zod"
import type { Language } from "../../language/language.ts"
import { say } from "../../language/language.ts"
import { Field } from "../../protocol/form.ts"
import { fit } from "../well-formed.ts"
import type { Item, Option, WorkflowEvent } from "./workflow-event.ts"

/** One key of the answer that the workflow waits for. */
const Key = z.object({ key: z.string(), type: z.enum(["text", "select", "file"]), field: z.string().nullable() })

/** What the workflow waits for; kept until somebody answers. */
export const Waiting = z.object({
  state: z.literal("waiting"),
  session_id: z.string(),
  message_id: z.int(),
  node_id: z.string(),
  kind: z.enum(["dialog", "form", "text", "choice"]),
  /** All of them are in the answer, and no other. */
  keys: z.array(Key),
  prompt: z.string(),
  fields: z.array(Field),
})
export type Waiting = z.infer<typeof Waiting>
type Key = z.infer<typeof Key>

export interface Asking {
  readonly session_id: string
  readonly event: WorkflowEvent
  /** What the workflow said to begin with. */
  readonly guide: string | undefined
  readonly language: Language
}

const kinds: Readonly<Record<string, Waiting["kind"]>> = {
  dialog_input: "dialog",
  form_input: "form",
  message_inline_input: "text",
  message_inline_option: "choice",
}
const byEvent: Readonly<Record<string, Waiting["kind"]>> = {
  input: "dialog",
  output_with_input_msg: "text",
  output_with_choose_msg: "choice",
}

/** Undefined: the event names no node or message to be answered. */
export function waitingFor({ session_id, event, guide, language }: Asking): Waiting | undefined {
  const kind = kinds[event.input_schema?.input_type ?? ""] ?? byEvent[event.event]
  const message_id = Number(event.message_id ?? Number.NaN)
  if (!kind || event.node_id === undefined || !Number.isSafeInteger(message_id)) return undefined
  const about = { state: "waiting" as const, session_id, message_id, node_id: event.node_id, kind }
  const items = (event.input_schema?.value ?? []).filter((item) => item !== null)
  if (kind === "dialog") {
    const prompt = fit(guide ?? "", 4000) || say(language, "bisheng_ask")
    return { ...about, keys: dialogKeys(items), prompt, fields: [] }
  }
  const keys: Key[] = []
  const fields: Field[] = []
  for (const [index, item] of items.entries()) {
    // A form has at most 50 fields; whatever is beyond stays empty, and is there, since all keys must be.
    const field = index < 50 ? fieldOf(item, nameOf(item, index, fields), kind) : undefined
    if (field) fields.push(field)
    const type = item.type === "file" || item.type === "select" ? item.type : "text"
    keys.push({ key: item.key, type, field: field?.key ?? null })
  }
  return { ...about, keys, prompt: say(language, kind === "choice" ? "bisheng_choose" : "bisheng_fill_in"), fields }
}

function dialogKeys(items: readonly Item[]): Key[] {
  const text = items.find(({ type, key }) => type === "text" || key === "user_input")?.key ?? "user_input"
  const files = items.find(({ type, key }) => type === "dialog_file" || key === "dialog_files_content")?.key
  return [
    { key: text, type: "text", field: null },
    ...(files === undefined ? [] : [{ key: files, type: "file" as const, field: null }]),
  ]
}

/** Bisheng's key where it may be one of ours. */
function nameOf({ key }: Item, index: number, fields: readonly Field[]): string {
  const taken = fields.some((field) => field.key === key)
  return !taken && /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(key) ? key : `field_${index + 1}`
}

function fieldOf(item: Item, key: string, kind: Waiting["kind"]): Field {
  const label = fit(item.label ?? "", 500)
  const field = { key, required: item.required === true, ...(label ? { label } : {}) }
  const given = typeof item.value === "string" ? fit(item.value, 100_000) : ""
  if (item.type === "file") {
    const accept = item.file_type === "image" ? { accept: ["image/*"] } : {}
    return { type: "file", ...field, ...accept, ...(item.multiple ? { multiple: true } : {}) }
  }
  const options = item.type === "select" ? optionsOf(item.options ?? [], kind) : []
  if (options.length === 0) return { type: "text", ...field, multiline: true, ...(given ? { default: given } : {}) }
  const chosen = options.some(({ value }) => value === given) ? { default: given } : {}
  return { type: "select", ...field, options, ...chosen, ...(item.multiple ? { multiple: true } : {}) }
}

/** A form takes the words of an option, a choice its id; what an option looks like else differs from version to version. */
function optionsOf(options: readonly Option[], kind: Waiting["kind"]): { value: string; label: string }[] {
  const known = new Map<string, string>()
  for (const { id, label, text } of options) {
    const words = text ?? label
    const value = fit(String((kind === "form" ? (words ?? id) : (id ?? words)) ?? ""), 500)
    if (value && !known.has(value)) known.set(value, fit(words ?? value, 500) || value)
  }
  return [...known].slice(0, 200).map(([value, label]) => ({ value, label }))
}

/** Files are the business of the caller: a list of what the answer names, or of what the message brought. */
export type PathsOf = (files: unknown) => Promise<readonly string[]>

/** The workflow's `input`; undefined when the answer is none to this question. */
export async function inputFor(waiting: Waiting, answer: unknown, pathsOf: PathsOf): Promise<object | undefined> {
  const values = waiting.kind === "dialog" ? undefined : valuesOf(waiting, answer)
  if (waiting.kind !== "dialog" && !values) return undefined
  const input: Record<string, unknown> = {}
  for (const { key, type, field } of waiting.keys) {
    const value = field === null ? undefined : values?.[field]
    if (type === "file") input[key] = await pathsOf(waiting.kind === "dialog" ? undefined : (value ?? []))
    else if (waiting.kind === "dialog") input[key] = String(answer)
    // Of several options Bisheng's own form makes one text.
    else input[key] = Array.isArray(value) ? value.map(String).join(",") : String(value ?? "")
  }
  return { [waiting.node_id]: input }
}

function valuesOf({ fields }: Waiting, answer: unknown): Record<string, unknown> | undefined {
  const [only, ...others] = fields
  if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) {
    const given: Record<string, unknown> = { ...answer }
    const missing = fields.some(({ key, required }) => required && given[key] === undefined)
    return missing ? undefined : given
  }
  if (typeof answer !== "string" || !only || others.length > 0) return undefined
  if (only.type === "text") return { [only.key]: answer }
  // Somebody typed the words on the button.
  if (only.type !== "select") return undefined
  const chosen = only.options.find(({ value, label }) => value === answer.trim() || label === answer.trim())
  return chosen && { [only.key]: chosen.value }
}
