// Interrupts of a graph as questions to the person, and what the person says as answers to them.
import { z } from "zod"
import { Fields } from "../../protocol/form.ts"
import type { Message } from "../../protocol/message.ts"
import type { Asked } from "./position.ts"

/** What `interrupt()` takes: words alone, for any text as the answer; or with fields, for an object with their keys. */
const Value = z.union([
  z
    .string()
    .min(1)
    .transform((prompt) => ({ prompt, fields: [] })),
  z.strictObject({
    prompt: z.string().min(1),
    fields: Fields.default([]),
    /** Seconds; the person is asked again by the next message after it. */
    expires_in_s: z.number().positive().max(31_536_000).optional(),
  }),
])

const Interrupts = z
  .array(z.looseObject({ id: z.string(), value: Value }))
  .min(1)
  .max(20)

/** The questions in the result of a graph; null: it came to its end. Throws an Error for what is none. */
export function questionsIn(result: unknown): Asked[] | null {
  const interrupts =
    typeof result === "object" && result !== null && "__interrupt__" in result ? result.__interrupt__ : null
  if (interrupts === null) return null
  const read = Interrupts.safeParse(interrupts)
  if (read.success) return read.data.map(({ id, value }) => ({ id, ...value }))
  throw new Error(`a node called interrupt() with something else than a prompt: ${z.prettifyError(read.error)}`)
}

export type Answer = Readonly<{ answer: z.core.util.JSONType }> | "none" | "unfit"

/** What a message says to a question: its answer; `none`: it speaks of something else; `unfit`: it is an answer of another shape. */
export function answerIn({ parts }: Message, { fields }: Asked): Answer {
  const part = parts.find((each) => each.type === "input")
  if (!part) return "none"
  const { answer } = part
  if (fields.length === 0) return { answer }
  return typeof answer === "object" && answer !== null && !Array.isArray(answer) ? { answer } : "unfit"
}
