// A question with fields, asked line by line: what is typed becomes the answer, field after field.
import type { Field } from "../../protocol/form.ts"
import type { Json } from "../../protocol/ids.ts"
import type { Question } from "../../protocol/turn.ts"

/** Keeps a file of this machine with the service; resolves with its file_id. */
export type Upload = (path: string) => Promise<string>

export class Form {
  readonly input_id: string
  readonly #fields: readonly Field[]
  readonly #upload: Upload
  readonly #answer: Record<string, Json> = {}
  /** Those that are asked still; the first is open. */
  #left: readonly Field[]

  constructor({ input_id, fields }: Question, upload: Upload) {
    this.input_id = input_id
    this.#fields = fields
    this.#left = fields
    this.#upload = upload
  }

  /** Undefined while a field is open. */
  get answer(): Readonly<Record<string, Json>> | undefined {
    return this.#left.length > 0 ? undefined : this.#answer
  }

  get asking(): Field["type"] | undefined {
    return this.#left[0]?.type
  }

  /** What to type next. */
  get prompt(): string {
    const [field] = this.#left
    return field ? promptOf(field) : ""
  }

  /** Takes a line for the field that is open. Rejects with Error when it cannot be its value: the field stays open. */
  async take(line: string): Promise<void> {
    const [field, ...others] = this.#left
    if (!field) return
    const value = await typed(field, line.trim(), this.#upload)
    if (value !== undefined) this.#answer[field.key] = value
    this.#left = others
  }

  /** Asks for these fields again and keeps the others. False: none of them is there. */
  reopen(keys: readonly string[]): boolean {
    this.#left = this.#fields.filter(({ key }) => keys.includes(key))
    for (const { key } of this.#left) delete this.#answer[key]
    return this.#left.length > 0
  }
}

function promptOf(field: Field): string {
  const { label = field.key, hint, required } = field
  const kept = "default" in field && field.default !== undefined ? [`default: ${field.default}`] : []
  const how = [howTo(field), ...kept, ...(required ? [] : ["may be left empty"])].filter(Boolean).join("; ")
  const lines = [`${label}${how ? ` (${how})` : ""}:${hint ? ` ${hint}` : ""}`]
  if (field.type === "confirm" && field.value !== undefined) lines.push(JSON.stringify(field.value, null, 2))
  if (field.type === "select")
    field.options.forEach(({ value, label }, at) => {
      lines.push(`  ${at + 1}  ${label ?? value}`)
    })
  return lines.join("\n")
}

function howTo(field: Field): string {
  switch (field.type) {
    case "number":
      return field.integer ? "a whole number" : "a number"
    case "select":
      return field.multiple ? "numbers, with commas between" : "a number of the list"
    case "file":
      return field.multiple ? "paths, with commas between" : "a path"
    case "confirm":
      return field.editable ? "y, n, or y with other JSON behind it" : "y or n"
    default:
      return ""
  }
}

/** Undefined: nothing was typed, and the service has its default or does without. */
async function typed(field: Field, text: string, upload: Upload): Promise<Json | undefined> {
  if (text === "") return undefined
  switch (field.type) {
    case "text":
      return text
    case "number": {
      if (!Number.isFinite(Number(text))) throw new Error(`${text} is not a number`)
      return Number(text)
    }
    case "select": {
      const values = (field.multiple ? listOf(text) : [text]).map((word) => chosen(field, word))
      return field.multiple ? values : values[0]
    }
    case "file":
      return Promise.all((field.multiple ? listOf(text) : [text]).map(upload))
    case "confirm":
      return confirmed(text)
  }
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean)
}

/** By its place in the list, its value or its label. */
function chosen({ options }: Extract<Field, { type: "select" }>, word: string): string {
  const same = (other: string | undefined) => other?.toLowerCase() === word.toLowerCase()
  const option = options.find(({ value, label }) => same(value) || same(label)) ?? options[Number(word) - 1]
  if (!option) throw new Error(`${word} is not in the list`)
  return option.value
}

function confirmed(text: string): Json {
  const [, yes, rest = ""] = /^(yes|y|ok|是|好)(?!\w)[\s,]*([\s\S]*)$/i.exec(text) ?? []
  if (yes && !rest) return { approved: true }
  if (yes) return { approved: true, value: parsed(rest) }
  const [, no, comment = ""] = /^(no|n|否|不)(?!\w)[\s,]*([\s\S]*)$/i.exec(text) ?? []
  if (!no) throw new Error("say y or n")
  return { approved: false, ...(comment ? { comment } : {}) }
}

function parsed(json: string): Json {
  try {
    return JSON.parse(json)
  } catch {
    throw new Error("what is behind y is not JSON")
  }
}
