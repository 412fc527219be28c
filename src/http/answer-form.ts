// The form of a question as a browser without script sends it, made into the answer that the heart checks.
import type { z } from "zod"
import type { Field } from "../protocol/form.ts"
import type { Json } from "../protocol/ids.ts"

type Value = z.infer<typeof Json>

/** What was filled in, by the names of the inputs. */
export type Filled = ReadonlyMap<string, readonly string[]>

/** The files of each field, by its place: uploaded with this form, or with the same one before. */
export type Chosen = ReadonlyMap<number, readonly { readonly id: string; readonly name: string }[]>

/** Names of the inputs of the field at this place; its key may be anything. */
export function namesOf(place: number) {
  return { field: `f${place}`, value: `f${place}-value`, comment: `f${place}-comment`, kept: `f${place}-kept` }
}

export interface FormAnswer {
  readonly answer: Record<string, Value>
  /** Fields whose edited value is no JSON. */
  readonly unreadable: readonly string[]
}

export function answerOfForm(fields: readonly Field[], filled: Filled, chosen: Chosen): FormAnswer {
  const unreadable: string[] = []
  const values = fields.flatMap((field, place): [string, Value][] => {
    const names = namesOf(place)
    const given = filled.get(names.field)
    switch (field.type) {
      // What the form says of it is no proof; what was found to be uploaded by it is.
      case "file": {
        const files = chosen.get(place) ?? []
        return files.length > 0 ? [[field.key, files.map(({ id }) => id)]] : []
      }
      case "select":
        if (field.multiple) return [[field.key, [...(given ?? [])]]]
        break
      case "confirm": {
        if (!given?.[0]) return []
        const value = editedOf(field, filled.get(names.value)?.[0])
        if (value === "unreadable") unreadable.push(field.key)
        const comment = lines(filled.get(names.comment)?.[0] ?? "")
        const edited = typeof value === "object" ? value : {}
        return [[field.key, { approved: given[0] === "yes", ...edited, ...(comment ? { comment } : {}) }]]
      }
    }
    return given?.[0] === undefined ? [] : [[field.key, lines(given[0])]]
  })
  return { answer: Object.fromEntries(values), unreadable }
}

/** What is to be approved, as the form shows it. */
export function shownValue({ value }: Extract<Field, { type: "confirm" }>): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value, null, 2)
}

function editedOf(
  field: Extract<Field, { type: "confirm" }>,
  text: string | undefined,
): { value: Value } | "unreadable" | undefined {
  if (!field.editable || text === undefined || lines(text) === shownValue(field)) return undefined
  if (typeof field.value === "string") return { value: lines(text) }
  try {
    return { value: JSON.parse(text) as Value }
  } catch {
    return "unreadable"
  }
}

/** Browsers send line ends as CR LF. */
function lines(text: string): string {
  return text.replaceAll("\r\n", "\n")
}
