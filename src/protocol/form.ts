// The fields of a question to a person, and the answer to them: an object with the fields' keys. Checked by chat/answer-check.ts.
import { z } from "zod"
import { Json, Text } from "./ids.ts"

/** Names a field in the answer. */
const Key = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/)
  // JSON.parse takes it for a key, and what copies objects for something else.
  .refine((key) => key !== "__proto__", "is no name of a field")

const field = {
  key: Key,
  /** What a person reads beside the field; the key when left out. */
  label: Text.min(1).max(500).optional(),
  /** A sentence of help. */
  hint: Text.max(1000).optional(),
  required: z.boolean().default(true),
}

export const TextField = z.object({
  type: z.literal("text"),
  ...field,
  default: Text.optional(),
  multiline: z.boolean().optional(),
  /** UTF-16 units. */
  min_length: z.int().min(0).optional(),
  max_length: z.int().min(1).optional(),
  format: z.enum(["email", "url", "date"]).optional(),
})
export const NumberField = z.object({
  type: z.literal("number"),
  ...field,
  default: z.number().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  integer: z.boolean().optional(),
})
export const SelectOption = z.object({ value: Text.min(1).max(500), label: Text.min(1).max(500).optional() })
export const SelectField = z.object({
  type: z.literal("select"),
  ...field,
  options: z.array(SelectOption).min(1).max(200),
  /** The answer is then a list of values. */
  multiple: z.boolean().optional(),
  default: z.union([Text, z.array(Text)]).optional(),
})
export const FileField = z.object({
  type: z.literal("file"),
  ...field,
  /** The answer is a list of file_ids in either case; with `multiple` it may have more than one. */
  multiple: z.boolean().optional(),
  /** Types that are taken: `image/*`, `application/pdf`; any when left out. */
  accept: z
    .array(z.string().regex(/^[\w.+-]+\/([\w.+-]+|\*)$/))
    .max(50)
    .optional(),
})
export type FileField = z.infer<typeof FileField>

/** Files in the answer to one field with `multiple`: as many as a file message may have. */
export const maxFiles = 10

/** May a file of this type, found by its content, be the field's value? */
export function takesType({ accept }: Pick<FileField, "accept">, mime_type: string): boolean {
  const type = mime_type.toLowerCase()
  const takes = (one: string) => (one.endsWith("/*") ? type.startsWith(one.slice(0, -1)) : type === one)
  return accept === undefined || accept.some((one) => takes(one.toLowerCase()))
}

/** Something to be agreed to. The answer is `true` or `false`, or `{ approved, value?, comment? }`. */
export const ConfirmField = z.object({
  type: z.literal("confirm"),
  ...field,
  /** What is to be agreed to, to be shown. */
  value: Json.optional(),
  /** The person may send another `value` along with the approval. */
  editable: z.boolean().optional(),
})

export const Field = z
  .discriminatedUnion("type", [TextField, NumberField, SelectField, FileField, ConfirmField])
  .meta({ id: "Field" })
export type Field = z.infer<typeof Field>

export const Fields = z
  .array(Field)
  .max(50)
  .refine((fields) => new Set(fields.map(({ key }) => key)).size === fields.length, "keys must differ")

/** A confirm field's answer, as it is kept. */
export const Confirmation = z.object({
  approved: z.boolean(),
  value: Json.optional(),
  comment: Text.max(4000).optional(),
})
export type Confirmation = z.infer<typeof Confirmation>
