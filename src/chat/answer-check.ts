// An answer held against the fields of its question: what is kept of it, or a sentence for each field that is wrong (P6.13).
import { ChatError } from "../errors.ts"
import { type Language, say } from "../language/language.ts"
import type { Confirmation, Field } from "../protocol/form.ts"
import { type Read, readValue, type Value } from "./answer-read.ts"

/** How many keys that are no fields are named. */
const maxUnknown = 10

/**
 * The answer as it is kept: an object with the fields' values. It is the same when it is checked again. Throws `bad_answer`.
 * A question without fields takes any answer as it is.
 */
export function checkAnswer(fields: readonly Field[], given: Value, language: Language): Value {
  if (fields.length === 0) return given
  const values = valuesOf(fields, given)
  if (!values) {
    const fault = say(language, "field_form", { keys: fields.map(({ key }) => key).join(", ") })
    throw badAnswer(
      fields,
      fields.map(({ key }) => [key, fault]),
    )
  }
  const faults: [string, string][] = []
  const kept: [string, Value][] = []
  for (const field of fields) {
    const read = readField(field, Object.hasOwn(values, field.key) ? values[field.key] : undefined)
    if (read && "fault" in read) faults.push([field.key, say(language, read.fault, read.params)])
    else if (read) kept.push([field.key, read.value])
  }
  const known = new Set(fields.map(({ key }) => key))
  const unknown = Object.keys(values).filter((key) => !known.has(key))
  for (const key of unknown.slice(0, maxUnknown)) {
    faults.push([key.slice(0, 64).toWellFormed(), say(language, "field_unknown")])
  }
  if (faults.length > 0) throw badAnswer(fields, faults)
  return Object.fromEntries(kept)
}

/** A plain text as the answer, where it can be one (P6.7); undefined where it is none. */
export function answerOfText(fields: readonly Field[], text: string, language: Language): Value | undefined {
  if (fields.length === 0) return text
  const field = fieldOfText(fields)
  if (!field || field.type === "file") return undefined
  try {
    return checkAnswer(fields, text, language)
  } catch (error) {
    if (error instanceof ChatError && error.code === "bad_answer") return undefined
    throw error
  }
}

/** The person's answer as a text for people: a line for each field, in the order of the form. */
export function renderAnswer(
  fields: readonly Field[],
  answer: Value,
  language: Language,
  fileName: (file_id: string) => string,
): string {
  if (fields.length === 0) return typeof answer === "string" ? answer : JSON.stringify(answer)
  const values = isObject(answer) ? answer : {}
  const lines = fields.flatMap((field) => {
    const value = Object.hasOwn(values, field.key) ? values[field.key] : undefined
    if (value === undefined || value === null) return []
    const shown = renderValue(field, value, language, fileName)
    return [say(language, "answer_line", { label: field.label ?? field.key, value: shown })]
  })
  return lines.length > 0 ? lines.join("\n") : say(language, "answer_empty")
}

/** The field that an answer is meant for when it names none: the only one, or the only one that is needed. */
function fieldOfText(fields: readonly Field[]): Field | undefined {
  const needed = fields.length === 1 ? fields : fields.filter(({ required }) => required)
  return needed.length === 1 ? needed[0] : undefined
}

function valuesOf(fields: readonly Field[], given: Value): Readonly<Record<string, Value>> | undefined {
  if (isObject(given)) return given
  const field = fieldOfText(fields)
  return field && Object.fromEntries([[field.key, given]])
}

/** Undefined: there is nothing to be kept. */
function readField(field: Field, given: Value | undefined): Read | undefined {
  const standard = "default" in field ? field.default : undefined
  const value = given === undefined ? standard : given
  if (value !== undefined && !isNothing(value)) return readValue(field, value)
  if (field.required) return { fault: "field_needed" }
  // Emptied on purpose, and so that it stays empty.
  return given === undefined || standard === undefined ? undefined : { value: null }
}

function isNothing(value: Value): boolean {
  if (typeof value === "string") return value.trim() === ""
  return value === null || (Array.isArray(value) && value.length === 0)
}

function renderValue(field: Field, value: Value, language: Language, fileName: (file_id: string) => string): string {
  const list = Array.isArray(value) ? value : [value]
  switch (field.type) {
    case "select": {
      const labels = new Map(field.options.map((option) => [option.value, option.label ?? option.value]))
      return list.map((one) => labels.get(String(one)) ?? String(one)).join(say(language, "answer_between"))
    }
    case "file":
      return list.map((one) => fileName(String(one))).join(say(language, "answer_between"))
    case "confirm":
      return renderConfirmation(value as Confirmation, language)
    default:
      return String(value)
  }
}

function renderConfirmation({ approved, value, comment }: Confirmation, language: Language): string {
  const decision =
    value === undefined
      ? say(language, approved ? "answer_approved" : "answer_declined")
      : say(language, "answer_changed", { value: JSON.stringify(value) })
  return comment ? say(language, "answer_comment", { decision, comment }) : decision
}

function badAnswer(fields: readonly Field[], faults: readonly (readonly [string, string])[]): ChatError {
  const labels = new Map(fields.map(({ key, label }) => [key, label ?? key]))
  const problem = faults
    .slice(0, 3)
    .map(([key, fault]) => `${labels.get(key) ?? key}: ${fault}`)
    .join("; ")
  return new ChatError("bad_answer", { params: { problem }, fields: Object.fromEntries(faults) })
}

function isObject(value: Value): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
