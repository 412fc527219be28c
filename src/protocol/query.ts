// Parameters of a query: text on the way, and what it stands for when it is here.
import { z } from "zod"
import { Timestamp } from "./ids.ts"

/** What is text in a query is shown in the document as what it stands for. */
export const shownAs = (shown: object) => ({
  override({ jsonSchema }: { jsonSchema: object }) {
    for (const key of ["pattern", "anyOf"]) Reflect.deleteProperty(jsonSchema, key)
    Object.assign(jsonSchema, shown)
  },
})

/** Digits of a query parameter -> a whole number. */
export function whole(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .meta(shownAs({ type: "integer", minimum: min, maximum: max }))
}

export const yesNo = z.enum(["true", "false"]).transform((word) => word === "true")
/** Any instant of ISO 8601 with a zone, brought to the form in which times are kept. */
export const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text).toISOString())
  .pipe(Timestamp)
