// What a person gives as the value of one field, by whatever road, as the value that is kept: a number may come as text, an
// option by its label, a yes in words.
import { z } from "zod"
import type { Sentence } from "../language/language.ts"
import { Confirmation, type Field, maxFiles } from "../protocol/form.ts"
import { FileId, type Json } from "../protocol/ids.ts"

export type Value = z.infer<typeof Json>
export type Read = { readonly value: Value } | Fault
/** What is wrong with it. */
export interface Fault {
  readonly fault: Sentence
  readonly params?: Readonly<Record<string, string | number>>
}

type Of<Type extends Field["type"]> = Extract<Field, { type: Type }>

export function readValue(field: Field, given: Value): Read {
  switch (field.type) {
    case "text":
      return readText(field, given)
    case "number":
      return readNumber(field, given)
    case "select":
      return readSelect(field, given)
    case "file":
      return readFiles(field, given)
    case "confirm":
      return readConfirm(field, given)
  }
}

const formats = { email: z.email(), url: z.url({ protocol: /^https?$/ }), date: z.iso.date() }

function readText({ multiline, min_length, max_length, format }: Of<"text">, given: Value): Read {
  if (typeof given !== "string") return { fault: "field_text" }
  const text = multiline ? given : given.trim()
  if (min_length !== undefined && text.length < min_length) return { fault: "field_short", params: { min: min_length } }
  if (max_length !== undefined && text.length > max_length) return { fault: "field_long", params: { max: max_length } }
  if (format && !formats[format].safeParse(text).success) return { fault: `field_${format}` }
  return { value: text }
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

function readNumber({ integer, min, max }: Of<"number">, given: Value): Read {
  const plain = typeof given === "string" ? given.normalize("NFKC").trim() : given
  const number = typeof plain === "string" && decimal.test(plain) ? Number(plain) : plain
  if (typeof number !== "number" || !Number.isFinite(number)) return { fault: "field_number" }
  if (integer && !Number.isInteger(number)) return { fault: "field_integer" }
  if (min !== undefined && number < min) return { fault: "field_min", params: { min } }
  if (max !== undefined && number > max) return { fault: "field_max", params: { max } }
  return { value: number }
}

function readSelect(field: Of<"select">, given: Value): Read {
  const whole = optionOf(field, given)
  if (!field.multiple) return whole === undefined ? notAnOption(field) : { value: whole }
  if (whole !== undefined) return { value: [whole] }
  const each = typeof given === "string" ? given.split(/[,，、;；\n]/).filter((word) => word.trim() !== "") : given
  // Of commas alone nothing is left: that is no choice, nor none.
  if (!Array.isArray(each) || each.length === 0) return notAnOption(field)
  const values = each.map((one) => optionOf(field, one))
  const known = values.filter((value) => value !== undefined)
  return known.length < values.length ? notAnOption(field) : { value: [...new Set(known)] }
}

/** By its value, else by its label, else by either without regard to case. */
function optionOf({ options }: Of<"select">, given: Value): string | undefined {
  if (typeof given !== "string" && typeof given !== "number") return undefined
  const word = String(given)
  const plain = simple(word)
  const found =
    options.find(({ value }) => value === word) ??
    options.find(({ label }) => label === word.trim()) ??
    options.find(({ value, label }) => simple(value) === plain || (label !== undefined && simple(label) === plain))
  return found?.value
}

function notAnOption({ options }: Of<"select">): Fault {
  const named = options.slice(0, 10).map(({ value, label }) => (label ?? value).slice(0, 50).toWellFormed())
  return { fault: "field_option", params: { options: [...named, ...(options.length > 10 ? ["..."] : [])].join(", ") } }
}

function readFiles({ multiple }: Of<"file">, given: Value): Read {
  const ids = z.array(FileId).safeParse(Array.isArray(given) ? given : [given])
  if (!ids.success) return { fault: "field_file" }
  const different = [...new Set(ids.data)]
  if (!multiple && different.length > 1) return { fault: "field_one_file" }
  if (different.length > maxFiles) return { fault: "field_files", params: { max: maxFiles } }
  return { value: different }
}

const yes = new Set(
  "true,yes,y,ok,okay,sure,agree,agreed,approve,approved,accept,是,是的,好,好的,对,行,可以,同意,批准,通过,确认".split(
    ",",
  ),
)
const no = new Set(
  "false,no,n,nope,disagree,decline,declined,deny,reject,refuse,否,不,不是,不行,不好,不可以,不同意,拒绝,不批准,取消".split(
    ",",
  ),
)

function decisionOf(given: unknown): boolean | undefined {
  if (typeof given === "boolean") return given
  if (typeof given !== "string") return undefined
  const word = simple(given).replace(/[.!。]+$/, "")
  return yes.has(word) ? true : no.has(word) ? false : undefined
}

function readConfirm(field: Of<"confirm">, given: Value): Read {
  const whole = typeof given === "object" && given !== null && !Array.isArray(given) ? given : { approved: given }
  const approved = decisionOf(whole.approved)
  const read = Confirmation.strict().safeParse({ ...whole, approved })
  if (!read.success) {
    return { fault: read.error.issues.some(({ path }) => path[0] === "comment") ? "field_comment" : "field_confirm" }
  }
  const { value } = read.data
  const comment = read.data.comment?.trim()
  const edited = value !== undefined && !Bun.deepEquals(value, field.value, true)
  if (edited && !field.editable) return { fault: "field_fixed" }
  return {
    value: {
      approved: read.data.approved,
      ...(edited && read.data.approved ? { value } : {}),
      ...(comment ? { comment } : {}),
    },
  }
}

/** Case, width and space around it do not count. */
function simple(text: string): string {
  return text.normalize("NFKC").trim().toLowerCase()
}
