// Reads sessions. What is deleted is not there. Ownership is part of the WHERE, so foreign and missing look the same.
import { and, desc, eq, gte, isNull, lt, type SQL, sql } from "drizzle-orm"
import type { Owner, Reach } from "../auth/rights.ts"
import { SessionId } from "../protocol/ids.ts"
import type { ChatType, Lifecycle, Session, SessionState } from "../protocol/session.ts"
import type { Database } from "./database.ts"
import { sessions } from "./schema.ts"

/** Finds one session by its session_id or its chat_id; undefined when it is missing, deleted, or out of reach. */
export async function findSession(db: Database, reach: Reach, ref: string): Promise<Session | undefined> {
  const one = async (owner: Owner, names: SQL) => {
    const found = db.orm
      .select()
      .from(sessions)
      .where(and(ownSessions({ owner }), names))
      .limit(1)
    return (await found)[0]
  }
  // A person may call a chat like an id. The id goes first: nobody's choice of a name may hide another session.
  const byId = SessionId.safeParse(ref).success ? await one(reach.owner, eq(sessions.id, ref)) : undefined
  return byId ?? one(reach.named_by, eq(sessions.chat_id, ref))
}

/** Which sessions are looked at, whatever their state and time. */
export interface SessionsOf {
  readonly owner: Owner
  readonly chat_type?: ChatType | undefined
  readonly flow_id?: string | undefined
}

/** The part of a WHERE that no query of sessions may leave out. */
export function ownSessions({ owner, chat_type, flow_id }: SessionsOf): SQL | undefined {
  return and(
    isNull(sessions.deleted_at),
    owner === "anyone" ? undefined : eq(sessions.user_id, owner),
    chat_type === undefined ? undefined : eq(sessions.chat_type, chat_type),
    flow_id === undefined ? undefined : eq(sessions.flow_id, flow_id),
  )
}

/** Times are ISO 8601 in UTC with milliseconds, of `update_time`; `since` is included, `until` is not. */
export interface SessionFilter extends SessionsOf {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly state?: SessionState | undefined
  readonly lifecycle?: Lifecycle | undefined
}

export interface SessionPage {
  /** Begin after this session, the last of the page before. */
  readonly after?: Pick<Session, "update_time" | "id"> | undefined
  readonly limit: number
}

/** One page of sessions, the last updated first. */
export function listSessions(db: Database, filter: SessionFilter, { after, limit }: SessionPage): Promise<Session[]> {
  const { since, until, state, lifecycle } = filter
  return db.orm
    .select()
    .from(sessions)
    .where(
      and(
        ownSessions(filter),
        since === undefined ? undefined : gte(sessions.update_time, since),
        until === undefined ? undefined : lt(sessions.update_time, until),
        state === undefined ? undefined : eq(sessions.state, state),
        lifecycle === undefined ? undefined : eq(sessions.lifecycle, lifecycle),
        after && sql`(${sessions.update_time}, ${sessions.id}) < (${after.update_time}, ${after.id})`,
      ),
    )
    .orderBy(desc(sessions.update_time), desc(sessions.id))
    .limit(limit)
}
