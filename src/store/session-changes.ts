// Changes of a session that leave nothing in its log: it comes to be, and its person comes and goes.
import { and, eq, inArray, isNull, sql } from "drizzle-orm"
import type { Lifecycle, Session } from "../protocol/session.ts"
import type { Database } from "./database.ts"
import { rowOf } from "./row-json.ts"
import { messages, sessions } from "./schema.ts"

/** The caller's session of this name, deleted or not: a name is never given twice. */
export async function sessionByName(db: Database, user_id: number, chat_id: string): Promise<Session | undefined> {
  const rows = await db.orm
    .select({ session: rowOf(sessions, "id") })
    .from(sessions)
    .where(and(eq(sessions.user_id, user_id), eq(sessions.chat_id, chat_id)))
    .limit(1)
  return rows[0]?.session
}

/** Makes the session unless the name is taken; false when it is. */
export async function insertSession(db: Database, session: Session): Promise<boolean> {
  const rows = await db.orm.insert(sessions).values(session).onConflictDoNothing().returning({ id: sessions.id })
  return rows.length > 0
}

/** Moves the lifecycles on from one of `from`; gives back the ids of those that were in one of them. */
export async function moveLifecycles(
  db: Database,
  ids: readonly string[],
  from: readonly Lifecycle[],
  to: Lifecycle,
): Promise<string[]> {
  const rows = await db.orm
    .update(sessions)
    .set({ lifecycle: to })
    .where(and(among(ids), inArray(sessions.lifecycle, [...from])))
    .returning({ id: sessions.id })
  return rows.map(({ id }) => id)
}

/** Nobody is there any more: of these chats, or of all when the caller is the database's only instance. */
export async function pauseAll(db: Database, ids: readonly string[] | "all"): Promise<void> {
  const these = ids === "all" ? undefined : among(ids)
  await db.orm
    .update(sessions)
    .set({ lifecycle: "paused" })
    .where(and(eq(sessions.lifecycle, "active"), these))
}

/** Which of these are messages of the chat and not deleted yet. */
export async function deletableMessages(db: Database, session_id: string, ids: readonly string[]): Promise<string[]> {
  const rows = await db.orm
    .select({ id: messages.id })
    .from(messages)
    .where(and(eq(messages.session_id, session_id), inArray(messages.id, [...ids]), isNull(messages.deleted_at)))
  return rows.map(({ id }) => id)
}

/** One parameter, however many there are. */
function among(ids: readonly string[]) {
  return sql`${sessions.id} in (select value from json_each(${JSON.stringify(ids)}))`
}
