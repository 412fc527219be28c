// Names of things on the wire. Server-made ids are a prefix and 32 hex digits of a UUIDv7, so they sort by time.
import { z } from "zod"

/** Text that every client language can hold and SQLite keeps whole: no lone surrogates, no NUL. */
export function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0")
}

export const notText = { message: "must be well-formed Unicode without U+0000" }
export const Text = z.string().refine(isText, notText)

/** Levels. SQLite takes apart JSON of 1,000, and one value beyond that fails everybody's batch. */
const deepest = 100

export const tooDeep = { message: "must not be nested so deeply" }

/** Any JSON that is not nested too deeply; looked at first, since reading what nests without end overflows the stack. */
export const Json = z.preprocess((value, context) => {
  if (isTooDeep(value)) context.addIssue({ code: "custom", ...tooDeep })
  return value
}, z.json())
export type Json = z.infer<typeof Json>

/** For what is JSON already. */
export function isTooDeep(value: unknown, levels = deepest): boolean {
  if (typeof value !== "object" || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isTooDeep(inner, levels - 1))
}

const name = /^[A-Za-z0-9][A-Za-z0-9._~:-]{0,63}$/

/** Chosen by the client or made by the server; unique for its owner. */
export const ChatId = z
  .string()
  .regex(name)
  .refine((id) => id !== "create" && id !== "list", { message: "is an address of the REST API" })
  .meta({ id: "ChatId", example: "c_81f0" })
/** Names a bot; the configuration's `flows` say which ones there are. */
export const FlowId = z.string().regex(name).meta({ id: "FlowId", example: "default" })
export const SessionId = z.string().regex(/^ses_[0-9a-f]{32}$/)
export const MessageId = z.string().regex(/^msg_[0-9a-f]{32}$/)
export const TurnId = z.string().regex(/^trn_[0-9a-f]{32}$/)
export const InputId = z.string().regex(/^inp_[0-9a-f]{32}$/)
export const FileId = z.string().regex(/^fil_[0-9a-f]{32}$/)
/** The client's own id of a frame: the idempotency key (P3.2). */
export const ClientId = Text.min(1).max(64)
/** Comes back on every frame that the request causes. */
export const TraceId = Text.min(1).max(128)
export const UserId = z.int().min(0)
/** ISO 8601, UTC, milliseconds. */
export const Timestamp = z.iso.datetime({ precision: 3 })
/** Place in the order of one chat: 1, 2, 3 ... */
export const Seq = z.int().min(1)
/** The last `seq` a client has; 0 = nothing yet. */
export const Cursor = z.int().min(0)
