// Chats that nobody has named: how each began, for a title.
import { and, asc, eq, isNotNull, isNull, sql } from "drizzle-orm"
import type { Message } from "../protocol/message.ts"
import type { Database } from "./database.ts"
import { messages } from "./schema.ts"

/** A chat is named after one of its first answers, or never. */
const firstAnswers = 3
/** So many of its messages say what it is about. */
const lines = 6

/**
 * How a chat began, when it is young and has never had a title, be it one that somebody took away; else nothing. Commands
 * and what was deleted are left out.
 */
export function untitledOpening(
  db: Database,
  session_id: string,
): Promise<Pick<Message, "is_bot" | "message" | "parts">[]> {
  const untitled = sql`exists (select 1 from sessions s where s.id = ${session_id} and s.topic is null and s.deleted_at is null)`
  const young = sql`(select count(*) from (select 1 from messages m where m.session_id = ${session_id} and m.is_bot
    and m.state = 'completed' and m.turn_id is not null limit ${firstAnswers + 1})) <= ${firstAnswers}`
  const neverTitled = sql`not exists (select 1 from events e where e.session_id = ${session_id} and e.kind = 'status'
    and exists (select 1 from json_each(e.data, '$.changed') c where c.value = 'topic'))`
  return db.orm
    .select({ is_bot: messages.is_bot, message: messages.message, parts: messages.parts })
    .from(messages)
    .where(
      and(
        eq(messages.session_id, session_id),
        isNotNull(messages.turn_id),
        isNull(messages.deleted_at),
        ...[untitled, young, neverTitled],
      ),
    )
    .orderBy(asc(messages.seq))
    .limit(lines)
}
