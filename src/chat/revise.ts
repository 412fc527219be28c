// Changing a message that is there: a person rewrites one that still waits in line, or says what they think of an answer. Each
// is one durable event, so that every device shows the same.
import { ChatError } from "../errors.ts"
import type { Registry } from "../handlers/registry.ts"
import type { Language } from "../language/language.ts"
import type { Said } from "../protocol/client-frame.ts"
import type { Part } from "../protocol/message.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { Database } from "../store/database.ts"
import { inputOf, messageOf, revisionByClientId } from "../store/events.ts"
import type { EventRow } from "../store/schema.ts"
import { checkAnswer } from "./answer-check.ts"
import type { Accepted } from "./ask.ts"
import type { Emitter } from "./emit.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"
import type { Incoming } from "./new-message.ts"
import { mayAsk } from "./route-of.ts"

export interface ReviseDeps {
  readonly db: Database
  readonly registry: Registry
  readonly emitter: Emitter
}

type Edit = Extract<Said, { kind: "edit" }>
type Feedback = Extract<Said, { kind: "feedback" }>
/** What is done once for its id, and leaves no message. */
type Revision = Extract<Said, { kind: "edit" | "feedback" | "regenerate" | "switch" }>

/** Nothing to do: it was so before. */
const unchanged: Accepted = { seq: null, dup: true }

/** Gives a waiting message another text (P6.10). Throws `not_found`, `not_waiting`, `conflict`, `id_conflict`, `session_ended`. */
export async function editMessage(deps: ReviseDeps, incoming: Incoming<Edit>): Promise<Accepted> {
  return onceOnly(deps.db, incoming, await tryEdit(deps, incoming))
}

async function tryEdit(deps: ReviseDeps, incoming: Incoming<Edit>): Promise<Accepted | ChatError> {
  const { db, emitter } = deps
  const { chat, caller, client_id, said } = incoming
  const { message_id, text, base_seq } = said
  const message = await messageOf(db, chat.session.id, message_id)
  const gone = new ChatError("not_found", { params: { what: "message" } })
  if (!message || message.deleted_at || message.is_bot) return gone
  // It goes to the bot for which it was said, perhaps in another role (P6.21).
  if (!(await mayAsk(deps, chat.session, message, caller.principal))) return gone
  if (message.message === text) return unchanged
  // What answers a question says it in two places.
  const parts = await Promise.all(message.parts.map((part) => answering(db, chat, part, text, caller.language)))
  const data: Status = { ...statusOf(chat, ["messages"]), edited_message: { message_id, message: text } }
  const { seqs } = await emitter.append(chat.session, {
    trace_id: caller.trace_id,
    guard: {
      open: true,
      queued: message.turn_id ?? "",
      ...(base_seq === undefined ? {} : { untouched: { ref: message_id, since: base_seq } }),
      ...(client_id === null ? {} : { revised_once: client_id }),
    },
    events: [{ kind: "status", ref: message_id, data: named(data, client_id) }],
    edit_message: { id: message_id, message: text, parts },
  })
  if (seqs[0] !== undefined) return { seq: seqs[0], dup: false }
  return editRefusal(db, chat, message_id, text)
}

/** The bot gets no answer that was not checked, rewritten or not. Throws `bad_answer`. */
async function answering(db: Database, chat: LiveChat, part: Part, text: string, language: Language): Promise<Part> {
  if (part.type !== "input") return part
  const question = await inputOf(db, chat.session.id, part.input_id)
  return { ...part, answer: checkAnswer(question?.fields ?? [], text, language) }
}

async function editRefusal(db: Database, chat: LiveChat, message_id: string, text: string): Promise<ChatError> {
  await chat.fill()
  if (chat.session.state === "ended") return new ChatError("session_ended")
  const now = await messageOf(db, chat.session.id, message_id)
  const waits = chat.turns.some(({ turn_id, state }) => turn_id === now?.turn_id && state === "queued")
  return new ChatError(waits && now?.message !== text ? "conflict" : "not_waiting")
}

/** Says what somebody thinks of an answer (P6.11). Throws `not_found`, `id_conflict`. */
export async function rateMessage(deps: ReviseDeps, incoming: Incoming<Feedback>): Promise<Accepted> {
  return onceOnly(deps.db, incoming, await tryRate(deps, incoming))
}

async function tryRate({ db, emitter }: ReviseDeps, incoming: Incoming<Feedback>): Promise<Accepted | ChatError> {
  const { chat, caller, client_id, said } = incoming
  const { message_id } = said
  const gone = new ChatError("not_found", { params: { what: "message" } })
  const message = await messageOf(db, chat.session.id, message_id)
  if (!message || message.deleted_at || !message.is_bot) return gone
  const opinion = opinionOf(said)
  if (isSo({ ...message, ...opinion }, message)) return unchanged
  const data: Status = { ...statusOf(chat, ["messages"]), feedback: { message_id, ...opinion } }
  const { seqs } = await emitter.append(chat.session, {
    trace_id: caller.trace_id,
    guard: client_id === null ? {} : { revised_once: client_id },
    events: [{ kind: "status", ref: message_id, data: named(data, client_id) }],
    rate_message: { id: message_id, ...opinion },
  })
  return seqs[0] === undefined ? gone : { seq: seqs[0], dup: false }
}

type Opinion = Omit<NonNullable<Status["feedback"]>, "message_id">

/** What was said, and nothing of what was not. */
function opinionOf({ liked, comment, copied }: Feedback): Opinion {
  return {
    ...(liked === undefined ? {} : { liked }),
    ...(comment === undefined ? {} : { comment: comment || null }),
    ...(copied === undefined ? {} : { copied }),
  }
}

type Judged = { readonly [Key in keyof Opinion]?: Opinion[Key] | boolean }

function isSo(a: Judged, b: Judged): boolean {
  return a.liked === b.liked && a.comment === b.comment && a.copied === b.copied
}

function named(data: Status, client_id: string | null): Status {
  return client_id === null ? data : { ...data, client_id }
}

/**
 * What was done under this id before, if it was, whatever stands in its way today (P3.3); else what came of it now. Read
 * afterwards, so that the usual case pays nothing for it.
 */
export async function onceOnly(
  db: Database,
  { chat, client_id, said }: Incoming<Revision>,
  now: Accepted | ChatError,
): Promise<Accepted> {
  const refused = now instanceof ChatError
  if (client_id !== null && (refused || now.dup)) {
    const earlier = await revisionByClientId(db, chat.session.id, client_id)
    if (earlier && !(await saysTheSame(db, earlier, said))) throw new ChatError("id_conflict")
    if (earlier) return { seq: earlier.seq, dup: true }
  }
  if (refused) throw now
  return now
}

async function saysTheSame(db: Database, { ref, session_id, data }: EventRow, said: Revision): Promise<boolean> {
  const { edited_message, feedback, regenerated, changed } = data as Status
  // Without a message it was the last one of that time.
  if (said.kind === "regenerate") return regenerated !== undefined
  if (said.kind === "switch") return changed.includes("branch") && !regenerated && ref === said.message_id
  if (ref !== said.message_id) return false
  // The text of an edit is gone with its message (P4.3); then it is compared no more.
  if (said.kind === "edit") return edited_message ? edited_message.message === said.text : !feedback
  if (!feedback) return false
  const opinion = opinionOf(said)
  if (isSo(feedback, opinion)) return true
  // So are the words about it.
  const message = await messageOf(db, session_id, said.message_id)
  return message?.deleted_at != null && isSo({ ...feedback, comment: null }, { ...opinion, comment: null })
}
