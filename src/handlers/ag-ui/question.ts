// An agent's interrupts as one question to a person, as far as fields can express what their schemas ask for.
import type { Interrupt } from "@ag-ui/client"
import { z } from "zod"
import { type Language, say } from "../../language/language.ts"
import { Field } from "../../protocol/form.ts"
import type { HandlerEvent } from "../handler.ts"
import { fit } from "../well-formed.ts"
import type { Asked, Call } from "./memory.ts"

export interface Question {
  readonly event: HandlerEvent
  readonly asked: Asked[]
}

const mostFields = 50
const Key = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/

const Schema = z.looseObject({
  type: z.unknown().optional(),
  title: z.string().optional().catch(undefined),
  description: z.string().optional().catch(undefined),
  enum: z.array(z.string()).min(1).optional().catch(undefined),
  properties: z.record(z.string(), z.unknown()).optional().catch(undefined),
  required: z.array(z.string()).optional().catch(undefined),
  items: z.unknown().optional(),
})
type Schema = z.infer<typeof Schema>

/** Names that agents give to what may come along with a yes or a no. */
export const editsNames = ["editedArgs", "edited_args", "args"]
export const wordsNames = ["reason", "comment", "feedback"]

export function questionAbout(
  interrupts: readonly Interrupt[],
  calls: ReadonlyMap<string, Call>,
  { language, now }: { readonly language: Language; readonly now: number },
): Question {
  const drafts = interrupts.map((interrupt, place) => {
    const call = interrupt.toolCallId === undefined ? undefined : calls.get(interrupt.toolCallId)
    return draftOf(interrupt, interrupts.length > 1 ? `q${place + 1}.` : "", call)
  })
  const fields = drafts.flatMap((draft) => draft.fields)
  const messages = interrupts.flatMap(({ message }) => message ?? []).join("\n")
  const expiries = interrupts
    .map(({ expiresAt }) => (Date.parse(expiresAt ?? "") - now) / 1000)
    .filter((seconds) => seconds > 0 && seconds <= 31_536_000)
  return {
    asked: drafts.map(({ asked }) => asked),
    event: {
      type: "question",
      prompt: fit(messages, 4000) || say(language, "agent_question"),
      fields: fields.slice(0, mostFields),
      ...(expiries.length > 0 ? { expires_in_s: Math.min(...expiries) } : {}),
    },
  }
}

interface Draft {
  readonly asked: Asked
  readonly fields: Field[]
}

function draftOf(interrupt: Interrupt, prefix: string, call: Call | undefined): Draft {
  const schema = Schema.safeParse(interrupt.responseSchema ?? {}).data ?? { type: undefined, items: undefined }
  const { properties = {} } = schema
  const label = fit(interrupt.message ?? interrupt.reason, 500)
  if (Schema.safeParse(properties.approved).data?.type === "boolean") {
    const editable = editsNames.some((name) => name in properties)
    const key = `${prefix}approved`
    const field = Field.parse({ type: "confirm", key, ...labelled(label), value: call?.input ?? null, editable })
    return {
      asked: { interrupt, kind: "approval", fields: [{ key, property: "approved", confirm: true }] },
      fields: [field],
    }
  }
  return objectDraft(interrupt, prefix, schema) ?? valueDraft(interrupt, prefix, schema, label)
}

/** Undefined: something that it must have cannot be asked for. */
function objectDraft(interrupt: Interrupt, prefix: string, { properties, required = [] }: Schema): Draft | undefined {
  const fields: Field[] = []
  const names: Asked["fields"] = []
  for (const [property, schema] of Object.entries(properties ?? {}).slice(0, mostFields)) {
    const key = Key.test(prefix + property) ? prefix + property : `${prefix}f${fields.length + 1}`
    const field = fieldOf(key, schema, { required: required.includes(property), name: property })
    if (field) {
      fields.push(field)
      names.push({ key, property, confirm: field.type === "confirm" })
    } else if (required.includes(property)) return undefined
  }
  return fields.length === 0 ? undefined : { asked: { interrupt, kind: "object", fields: names }, fields }
}

function valueDraft(interrupt: Interrupt, prefix: string, schema: Schema, label: string): Draft {
  const key = `${prefix}answer`
  const field =
    fieldOf(key, schema, { required: true, name: label }) ?? Field.parse({ type: "text", key, ...labelled(label) })
  const fields = [{ key, property: "", confirm: field.type === "confirm" }]
  return { asked: { interrupt, kind: "value", fields }, fields: [field] }
}

/** Undefined: no field can ask for this. */
function fieldOf(
  key: string,
  json: unknown,
  { required, name }: { readonly required: boolean; readonly name: string },
): Field | undefined {
  const schema = Schema.safeParse(json).data
  if (!schema) return undefined
  const hint = schema.description ? { hint: fit(schema.description, 1000) } : {}
  const base = { key, required, ...labelled(fit(schema.title ?? name, 500)), ...hint }
  const limits = (names: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(names).filter(([, value]) => typeof value === "number"))
  const items = Schema.safeParse(schema.items).data
  const drafts: Record<string, object> = {
    string: {
      type: "text",
      ...limits({ min_length: schema.minLength, max_length: schema.maxLength }),
      ...(typeof schema.default === "string" ? { default: schema.default } : {}),
      ...(schema.format === "email" || schema.format === "date" ? { format: schema.format } : {}),
      ...(schema.format === "uri" ? { format: "url" } : {}),
    },
    boolean: { type: "confirm" },
    number: { type: "number", ...limits({ min: schema.minimum, max: schema.maximum, default: schema.default }) },
    integer: {
      ...{ type: "number", integer: true },
      ...limits({ min: schema.minimum, max: schema.maximum, default: schema.default }),
    },
    select: { type: "select", options: schema.enum?.map((value) => ({ value })) },
    array: { type: "select", multiple: true, options: items?.enum?.map((value) => ({ value })) },
  }
  const draft = drafts[schema.enum ? "select" : String(schema.type)]
  // What it says may not fit a field: too many choices, limits that are none.
  return draft && Field.safeParse({ ...base, ...draft }).data
}

function labelled(label: string): { label?: string } {
  return label ? { label } : {}
}
