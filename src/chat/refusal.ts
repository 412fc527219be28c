// Why an append did not happen. Read afterwards, so that the usual case pays nothing for it.
import { ChatError } from "../errors.ts"
import type { Message } from "../protocol/message.ts"
import type { Guard, NewMessage } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { areThere, inputOf, isAnswer, messageByClientId, saidSince, sessionByKey, wasEdited } from "../store/events.ts"
import type { InputRow } from "../store/schema.ts"

/**
 * The earlier message with the same id and content; undefined when only the line of turns can be the reason; else throws the
 * ChatError that says what stood in the way.
 */
export async function refusalOf(
  db: Database,
  session_id: string,
  guard: Guard,
  message: NewMessage,
): Promise<Message | undefined> {
  const earlier = guard.once && (await messageByClientId(db, { session_id, ...guard.once }))
  if (earlier) {
    // What it said at first is not known any more once it was edited or deleted; it is the same message all the same (P3.3).
    if (sameContent(earlier, message) || earlier.deleted_at || (await wasEdited(db, earlier))) return earlier
    throw new ChatError("id_conflict")
  }
  const session = await sessionByKey(db, session_id)
  if (!session || session.deleted_at) throw new ChatError("chat_deleted")
  if (session.state === "ended") throw new ChatError("session_ended")
  if (guard.base_seq !== undefined && (await saidSince(db, session_id, guard.base_seq))) throw new ChatError("conflict")
  if (guard.after && !(await areThere(db, session_id, guard.after))) throw new ChatError("out_of_order")
  const { question, answer } = guard
  if (answer !== undefined && !(await isAnswer(db, session_id, answer))) {
    throw new ChatError("not_found", { params: { what: "message" } })
  }
  if (question === undefined) return undefined
  const asked = await inputOf(db, session_id, question)
  if (asked && isExpired(asked, message.create_time)) throw new ChatError("question_expired")
  if (!asked || asked.closed_at !== null) throw new ChatError("no_question")
  return undefined
}

function sameContent(a: NewMessage, b: NewMessage): boolean {
  return a.kind === b.kind && contentOf(a) === contentOf(b)
}

/** What the sender chose. Which question an answer met, and how it reads as a text, is the server's finding and does not count. */
function contentOf({ kind, message, parts, extra }: NewMessage): string {
  if (kind === "input")
    return JSON.stringify([extra, parts.map((part) => (part.type === "input" ? part.answer : null))[0]])
  const chosen = parts.filter(({ type }) => type !== "input")
  const sorted = chosen.map((part) => Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1)))
  return JSON.stringify([message, extra, sorted])
}

/** Nobody answered in time, whether it was closed for that already or not. */
function isExpired({ expires_at, closed_at, answered_by }: InputRow, now: string): boolean {
  return expires_at !== null && answered_by === null && (closed_at ?? now) >= expires_at
}
