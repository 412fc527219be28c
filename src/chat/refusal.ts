// Why an append did not happen. Read afterwards, so that the usual case pays nothing for it.
import { ChatError } from "../errors.ts"
import type { Message } from "../protocol/message.ts"
import type { Guard, NewMessage } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import {
  areThere,
  isAnswer,
  isOpenQuestion,
  messageByClientId,
  saidSince,
  sessionByKey,
  wasEdited,
} from "../store/events.ts"

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
  if (question !== undefined && !(await isOpenQuestion(db, session_id, question))) throw new ChatError("no_question")
  return undefined
}

function sameContent(a: NewMessage, b: NewMessage): boolean {
  return contentOf(a) === contentOf(b)
}

/** What the sender chose. Which question an answer met is the server's finding, so it does not count. */
function contentOf({ kind, message, parts, extra }: NewMessage): string {
  const chosen = parts.map((part) => {
    if (part.type === "input") return kind === "input" ? part.answer : null
    return Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1))
  })
  return JSON.stringify([kind, message, extra, chosen.filter((part) => part !== null)])
}
