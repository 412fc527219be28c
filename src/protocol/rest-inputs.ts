// The bots' questions over REST: to list them, to answer them, and to let somebody answer one by a link (P6.15).
import { z } from "zod"
import { Answer } from "./client-frame.ts"
import { Fields } from "./form.ts"
import { ChatId, ClientId, InputId, Json, MessageId, Seq, SessionId, Timestamp, TurnId } from "./ids.ts"
import { lang, ofUsers, owned, page, pageOf, route, SessionRef } from "./route.ts"

/** `closed`: expired, replaced by another question, or its session has ended. */
export const InputState = z.enum(["open", "answered", "closed"]).meta({ id: "InputState" })
export type InputState = z.infer<typeof InputState>

export const InputItem = z
  .object({
    input_id: InputId,
    chat_id: ChatId,
    session_id: SessionId,
    turn_id: TurnId,
    prompt: z.string(),
    fields: Fields.describe("What is asked for; none: words, or JSON of whatever shape."),
    create_time: Timestamp,
    expires_at: Timestamp.nullable().describe("Then it closes; null: never by itself."),
    closed_at: Timestamp.nullable(),
    state: InputState.describe("closed: expired, replaced by another question, or its session has ended."),
    answer: Json.nullable().describe("As it was kept; null: there is none, or its message was deleted."),
    answered_by: MessageId.nullable().describe("The message that answered."),
  })
  .meta({ id: "InputItem" })
export type InputItem = z.infer<typeof InputItem>

export const AnswerInput = z.object({
  answer: Answer.describe("An object with the fields' keys; of a question without fields, any JSON."),
  client_id: ClientId.exactOptional().describe("As the `id` of a frame: the same one is the same answer, for ever."),
})
export const LinkInput = z.object({
  expires_in_s: z
    .int()
    .min(1)
    .max(2_592_000)
    .default(86_400)
    .describe("Seconds; a day when left out. A link ends with its question at the latest."),
})

const one = z.object({ input_id: InputId })
const refusals = ["not_found", "no_question", "question_expired"] as const
const refusalsOfAnswers = [
  ...(["bad_answer", "id_conflict", "session_ended", "chat_deleted", "message_too_long"] as const),
  ...(["busy", "queue_full", "draining"] as const),
] as const
/** A link brings its own proof. */
const byLink = {
  open: true,
  page: true,
  param: one,
  query: z.object({ ...lang, token: z.string().max(2048).default("").describe("As the link has it.") }),
  errors: ["forbidden", ...refusals, "store_unavailable"],
} as const

export const inputRoutes = {
  listInputs: route("get", "/chat/inputs", {
    summary: "List the bots' questions, the newest first",
    query: z.strictObject({
      ...ofUsers,
      chat_id: SessionRef.optional(),
      state: InputState.optional(),
      ...page,
    }),
    data: pageOf(InputItem),
    errors: ["not_found"],
  }),
  getInput: route("get", "/chat/inputs/:input_id", {
    summary: "Read a question, and its answer when it has one",
    param: one,
    query: z.strictObject(owned),
    data: InputItem,
    errors: ["not_found"],
  }),
  answerInput: route("post", "/chat/inputs/:input_id", {
    summary: "Answer a question that a bot asked oneself",
    description:
      "As a `message` of kind `input` does (P6.13). The first answer wins. One that does not fit is refused with `bad_answer`, and `fields` says what is wrong with each.",
    param: one,
    query: z.strictObject(lang),
    body: AnswerInput,
    data: z.object({ seq: Seq.nullable(), dup: z.boolean() }),
    errors: [...refusals, ...refusalsOfAnswers],
  }),
  linkInput: route("post", "/chat/inputs/:input_id/link", {
    summary: "Make a link by which a question can be answered without a token",
    description:
      "Whoever has it can answer this one question, in the caller's name, and sees nothing else of the chat (P6.15).",
    param: one,
    query: z.strictObject(lang),
    body: LinkInput,
    data: z.object({ url: z.url(), expires_at: Timestamp }),
    errors: refusals,
  }),
  showInput: route("get", "/chat/inputs/:input_id/answer", {
    ...byLink,
    summary: "Open such a link: the question as a page with a form",
    description: "Refusals are pages as well.",
  }),
  sendInput: route("post", "/chat/inputs/:input_id/answer", {
    ...byLink,
    summary: "Take that page's form",
    description:
      "Its files, in multipart/form-data, are kept in the name of who made the link, and only for this answer. What is wrong with the answer or a file comes back in the form, with what was filled in and the files that were kept (422).",
    errors: [...byLink.errors, ...refusalsOfAnswers, "frame_too_large", "rate_limited"],
  }),
}
