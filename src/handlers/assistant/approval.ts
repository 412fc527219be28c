// Calls that wait for a person (P6.22): the question about them, what is kept until the answer comes, what it says.
import type { ModelMessage } from "ai"
import { z } from "zod"
import { type Language, say } from "../../language/language.ts"
import { Confirmation } from "../../protocol/form.ts"
import type { Part } from "../../protocol/message.ts"
import type { HandlerEvent } from "../handler.ts"
import { fit } from "../well-formed.ts"

/** The most fields that a question has. */
const most = 50

const Call = z.object({
  approval_id: z.string(),
  tool_call_id: z.string(),
  /** Under which it is shown. */
  shown_id: z.string(),
  name: z.string(),
  input: z.unknown().optional(),
})
export type Call = z.infer<typeof Call>

/** What a turn leaves for the turn of the answer. */
export const Pending = z.object({
  /** The message that the work began with. */
  question_id: z.string(),
  /** What it said, should it not be among the earlier exchanges any more. */
  asked: z.string(),
  /** What the model said and the tools gave back since. Made and checked by the AI SDK. */
  messages: z.array(z.custom<ModelMessage>((message) => typeof message === "object" && message !== null)),
  calls: z.array(Call),
})
export type Pending = z.infer<typeof Pending>
export const Checkpoint = z.object({ pending: Pending.nullable() })

export interface Decision extends Call {
  readonly approved: boolean
  readonly comment: string | undefined
}

/** One field for each call, with its arguments. What is beyond the most that can be asked at once counts as refused. */
export function questionAbout(
  calls: readonly Call[],
  language: Language,
  describe: (name: string) => string | undefined,
): HandlerEvent {
  const fields = calls.slice(0, most).map(({ name, input, approval_id }) => {
    const hint = describe(name)
    return {
      ...{ type: "confirm" as const, key: keyOf(approval_id), label: fit(name, 500) },
      value: z.json().parse(input ?? null),
      ...(hint ? { hint: fit(hint, 1000) } : {}),
      editable: true,
    }
  })
  const names = [...new Set(calls.map(({ name }) => name))].join(", ")
  return { type: "question", prompt: say(language, "assistant_approval", { names: fit(names, 500) }), fields }
}

/** Of this call alone, so that no answer to another question can be taken for one to this. */
function keyOf(approval_id: string): string {
  return `call_${approval_id.replaceAll(/[^A-Za-z0-9_-]/g, "")}`.slice(0, 64)
}

/** What the answer says about each call. Only a clear yes is one. */
export function decisionsOf({ calls }: Pending, { answer }: Extract<Part, { type: "input" }>): Decision[] {
  return calls.map((call) => {
    const word = typeof answer === "object" && answer !== null ? Reflect.get(answer, keyOf(call.approval_id)) : null
    if (typeof word === "boolean") return { ...call, approved: word, comment: undefined }
    const { data } = Confirmation.safeParse(word)
    if (!data) return { ...call, approved: false, comment: undefined }
    const edited = data.approved && data.value !== undefined
    return { ...call, approved: data.approved, comment: data.comment, input: edited ? data.value : call.input }
  })
}

/** The conversation as the AI SDK goes on from it: it runs what was approved, as the person left it, and tells the model what was refused. */
export function messagesAfter({ messages }: Pending, decisions: readonly Decision[]): ModelMessage[] {
  const edited = new Map(decisions.map(({ tool_call_id, input }) => [tool_call_id, input]))
  // Some services name each step's first call the same: only the last message has those that are meant.
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  const before = messages.map((message, place) => {
    if (place !== last || message.role !== "assistant" || typeof message.content === "string") return message
    const content = message.content.map((part) =>
      part.type === "tool-call" && edited.has(part.toolCallId) ? { ...part, input: edited.get(part.toolCallId) } : part,
    )
    return { ...message, content }
  })
  const content = decisions.map(({ approval_id, approved, comment }) => ({
    ...{ type: "tool-approval-response" as const, approvalId: approval_id, approved },
    ...(approved ? {} : { reason: refusal(comment) }),
  }))
  return [...before, { role: "tool", content }]
}

function refusal(comment: string | undefined): string {
  return `It was not called. The person did not allow it${comment ? `, and said: ${comment}` : "."}`
}
