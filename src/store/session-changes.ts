// Changes of a session that leave nothing in its log: it comes to be, and its person comes and goes.
import { and, eq, getTableColumns, inArray, isNull, sql } from "drizzle-orm"
import type { Lifecycle, Session } from "../protocol/session.ts"
import type { Database } from "./database.ts"
import { prepared } from "./prepared.ts"
import { rowOf } from "./row-json.ts"
import { messages, sessions } from "./schema.ts"

/** The caller's session of this name, deleted or not: a name is never given twice. */
export async function sessionByName(db: Database, user_id: number, chat_id: string): Promise<Session | undefined> {
  return (await named(db.orm).execute({ user_id, chat_id }))[0]?.session
}

const named = prepared((orm) =>
  orm
    .select({ session: rowOf(sessions, "id") })
    .from(sessions)
    .where(and(eq(sessions.user_id, sql.placeholder("user_id")), eq(sessions.chat_id, sql.placeholder("chat_id"))))
    .limit(1)
    .prepare(),
)

/** Makes the sessions whose names are not taken; says of each whether it was made. Of two with one name it is the first. */
export async function insertSessions(db: Database, made: readonly Session[]): Promise<boolean[]> {
  // One parameter, however many there are.
  const rows = await db.orm.all<{ id: string }>(sql`insert into ${sessions} (${fields})
    select ${values} from json_each(${JSON.stringify(made)}) where true
    on conflict do nothing returning id`)
  const ids = new Set(rows.map(({ id }) => id))
  return made.map(({ id }) => ids.has(id))
}

const names = Object.keys(getTableColumns(sessions))
const fields = sql.raw(names.join(", "))
const values = sql.raw(names.map((name) => `value ->> '${name}'`).join(", "))

/** Moves the lifecycles on from one of `from`; says of each whether it was in one of them. Of two for one session one is true. */
export async function moveLifecycles(
  db: Database,
  ids: readonly string[],
  from: readonly Lifecycle[],
  to: Lifecycle,
): Promise<boolean[]> {
  const rows = await db.orm
    .update(sessions)
    .set({ lifecycle: to })
    .where(and(among(ids), inArray(sessions.lifecycle, [...from])))
    .returning({ id: sessions.id })
  const moved = new Set(rows.map(({ id }) => id))
  return ids.map((id) => moved.delete(id))
}

/** Moves on up to where the owners have read, never back and never beyond the log; answers those that moved. */
export async function moveReadSeqs(
  db: Database,
  read: readonly { readonly id: string; readonly seq: number }[],
): Promise<{ id: string; read_seq: number }[]> {
  return db.orm.all(sql`update sessions set read_seq = min(j.seq, last_seq)
    from (select value ->> 'id' as id, value ->> 'seq' as seq from json_each(${JSON.stringify(read)})) j
    where sessions.id = j.id and min(j.seq, last_seq) > read_seq returning sessions.id, read_seq`)
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
