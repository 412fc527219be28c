// A turn is one question and the bot's work on it. It ends exactly once (promise 5).
import { z } from "zod"
import { ErrorBody } from "./error.ts"
import { Fields } from "./form.ts"
import { InputId, MessageId, Timestamp, TurnId } from "./ids.ts"

/** Transitions: chat/state.ts. The last four are the ends. */
export const TurnState = z
  .enum(["queued", "running", "waiting_input", "completed", "interrupted", "failed"])
  .meta({ id: "TurnState" })
export type TurnState = z.infer<typeof TurnState>

export const TurnEnd = z.enum(["waiting_input", "completed", "interrupted", "failed"]).meta({ id: "TurnEnd" })
export type TurnEnd = z.infer<typeof TurnEnd>

/** A turn that has not ended, as `status` shows it. */
export const OpenTurn = z
  .object({
    turn_id: TurnId,
    /** The question. */
    message_id: MessageId,
    /** Further messages that joined the question while it waited, in order (P6.3, `merge`). */
    merged: z.array(MessageId).optional(),
    state: z.enum(["queued", "running"]),
    create_time: Timestamp,
  })
  .meta({ id: "OpenTurn" })
export type OpenTurn = z.infer<typeof OpenTurn>

/** A question of the bot that waits for a person. */
export const Question = z
  .object({
    input_id: InputId,
    turn_id: TurnId,
    prompt: z.string(),
    /** What is asked for; without fields, any text. */
    fields: Fields,
    create_time: Timestamp,
    /** After that it is closed, unanswered. */
    expires_at: Timestamp.nullable(),
  })
  .meta({ id: "Question" })
export type Question = z.infer<typeof Question>

/** Says that a turn is over. */
export const TurnOver = z.object({
  turn_id: TurnId,
  state: TurnEnd,
  /** `done`, `stopped`, `superseded`, `drained`, `instance_lost`, `question`, or the code of the error. */
  reason: z.string(),
  /** The bot's message, if it said anything. */
  message_id: MessageId.nullable(),
  error: ErrorBody.nullable(),
  question: Question.nullable(),
})
export type TurnOver = z.infer<typeof TurnOver>
