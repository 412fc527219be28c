// Reads messages: pages of one session in the order of seq, and counts. Deleted ones, and those of deleted sessions, are not there.
import { and, asc, count, desc, eq, gt, gte, isNull, lt, type SQL, sql } from "drizzle-orm"
import type { Message, MessageKind } from "../protocol/message.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "./database.ts"
import type { Orm } from "./orm.ts"
import { rowOf } from "./row-json.ts"
import { messages, sessions } from "./schema.ts"
import { ownSessions, type SessionsOf } from "./sessions.ts"

const message = rowOf(messages, "id")

/** Times are ISO 8601 in UTC with milliseconds, of `create_time`; `since` is included, `until` is not. */
export interface MessageFilter {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly is_bot?: boolean | undefined
  readonly kind?: MessageKind | undefined
}

export interface MessagePage {
  /** desc: newest first. */
  readonly order: "desc" | "asc"
  /** Begin after the message with this seq, in that order. */
  readonly after?: number | undefined
  readonly limit: number
}

/** One page of the messages of a session that the caller was found to reach, as of its `last_seq` or later. */
export async function listMessages(
  db: Database,
  session: Pick<Session, "id" | "user_id" | "last_seq">,
  filter: MessageFilter,
  { order, after, limit }: MessagePage,
): Promise<Message[]> {
  const [direction, beyond] = order === "desc" ? [desc, lt] : [asc, gt]
  const query = (orm: Orm) =>
    orm
      .select({ message })
      .from(messages)
      .where(
        and(
          eq(messages.session_id, session.id),
          // The plus keeps SQLite from looking for all that the user ever said, in all chats, instead of this one's.
          sql`+${messages.user_id} = ${session.user_id}`,
          chosenBy(filter),
          after === undefined ? undefined : beyond(messages.seq, after),
        ),
      )
      .orderBy(direction(messages.seq))
      .limit(limit)
  const rows = (await db.replica?.read(session.id, session.last_seq, query))?.rows ?? (await query(db.orm))
  return rows.map((row) => row.message)
}

export interface MessageCount extends MessageFilter, SessionsOf {
  readonly session_id?: string | undefined
}

/** How many messages there are. */
export async function countMessages(db: Database, filter: MessageCount): Promise<number> {
  const { session_id } = filter
  const [row] = await db.orm
    .select({ count: count() })
    .from(sessions)
    // A cross join keeps this order: from sessions to their messages it is five times faster than back (0.9 M messages).
    .crossJoin(messages)
    .where(
      and(
        ownSessions(filter),
        session_id === undefined ? undefined : eq(sessions.id, session_id),
        eq(messages.session_id, sessions.id),
        chosenBy(filter),
      ),
    )
  return row?.count ?? 0
}

function chosenBy({ since, until, is_bot, kind }: MessageFilter): SQL | undefined {
  return and(
    isNull(messages.deleted_at),
    since === undefined ? undefined : gte(messages.create_time, since),
    until === undefined ? undefined : lt(messages.create_time, until),
    is_bot === undefined ? undefined : eq(messages.is_bot, is_bot),
    kind === undefined ? undefined : eq(messages.kind, kind),
  )
}
