// Changing a message that is there: a person rewrites one that still waits in line, or says how they like an answer. Each
// is one durable event, so that every device shows the same.
import { ChatError } from "../errors.ts"
import type { Said } from "../protocol/client-frame.ts"
import type { Part } from "../protocol/message.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { Database } from "../store/database.ts"
import { messageOf } from "../store/events.ts"
import type { Accepted } from "./ask.ts"
import type { Emitter } from "./emit.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"

export interface ReviseDeps {
  readonly db: Database
  readonly emitter: Emitter
}

/** Nothing to do: it was so before. */
const unchanged: Accepted = { seq: null, dup: true }

/** Gives a waiting message another text (P6.10). Throws `not_found`, `not_waiting`, `conflict`, `session_ended`. */
export async function editMessage(
  { db, emitter }: ReviseDeps,
  chat: LiveChat,
  { message_id, text, base_seq }: Extract<Said, { kind: "edit" }>,
  trace_id: string,
): Promise<Accepted> {
  const message = await messageOf(db, chat.session.id, message_id)
  if (!message || message.deleted_at || message.is_bot)
    throw new ChatError("not_found", { params: { what: "message" } })
  if (message.message === text) return unchanged
  const data: Status = { ...statusOf(chat, ["messages"]), edited_message: { message_id, message: text } }
  const { seqs } = await emitter.append(chat.session, {
    trace_id,
    guard: {
      open: true,
      queued: message.turn_id ?? "",
      ...(base_seq === undefined ? {} : { untouched: { ref: message_id, since: base_seq } }),
    },
    events: [{ kind: "status", ref: message_id, data }],
    // What answers a question says it in two places.
    edit_message: { id: message_id, message: text, parts: message.parts.map((part) => answering(part, text)) },
  })
  if (seqs[0] !== undefined) return { seq: seqs[0], dup: false }
  throw await editRefusal(db, chat, message_id, text)
}

function answering(part: Part, answer: string): Part {
  return part.type === "input" ? { ...part, answer } : part
}

async function editRefusal(db: Database, chat: LiveChat, message_id: string, text: string): Promise<ChatError> {
  await chat.fill()
  if (chat.session.state === "ended") return new ChatError("session_ended")
  const now = await messageOf(db, chat.session.id, message_id)
  const waits = chat.turns.some(({ turn_id, state }) => turn_id === now?.turn_id && state === "queued")
  return new ChatError(waits && now?.message !== text ? "conflict" : "not_waiting")
}

/** Says how an answer is liked (P6.11). Throws `not_found`. */
export async function rateMessage(
  { db, emitter }: ReviseDeps,
  chat: LiveChat,
  { message_id, liked }: Extract<Said, { kind: "feedback" }>,
  trace_id: string,
): Promise<Accepted> {
  const message = await messageOf(db, chat.session.id, message_id)
  if (!message || message.deleted_at || !message.is_bot)
    throw new ChatError("not_found", { params: { what: "message" } })
  if (message.liked === liked) return unchanged
  const data: Status = { ...statusOf(chat, ["messages"]), feedback: { message_id, liked } }
  const { seqs } = await emitter.append(chat.session, {
    trace_id,
    events: [{ kind: "status", ref: message_id, data }],
    rate_message: { id: message_id, liked },
  })
  if (seqs[0] === undefined) throw new ChatError("chat_deleted")
  return { seq: seqs[0], dup: false }
}
