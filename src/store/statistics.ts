// Counts sessions, messages, turns and tokens: three aggregates in one read transaction. What is deleted is not counted.
import { and, count, eq, gte, isNull, lt, type SQL, sql } from "drizzle-orm"
import type { SQLiteColumn } from "drizzle-orm/sqlite-core"
import type { Statistics, UsageSum } from "../protocol/rest-statistics.ts"
import { ChatType, Lifecycle, SessionState } from "../protocol/session.ts"
import { TurnEnd } from "../protocol/turn.ts"
import type { Database } from "./database.ts"
import { events, messages, sessions, turns } from "./schema.ts"
import { ownSessions, type SessionsOf } from "./sessions.ts"

/** Times are ISO 8601 in UTC with milliseconds, of the `create_time` of what is counted; `since` is included, `until` is not. */
export interface StatisticsFilter extends SessionsOf {
  readonly since?: string | undefined
  readonly until?: string | undefined
}

/** Cross joins go from sessions to what they hold (see messages.ts). */
export function chosenBy(filter: StatisticsFilter, created: SQLiteColumn): SQL | undefined {
  const { since, until } = filter
  return and(
    ownSessions(filter),
    since === undefined ? undefined : gte(created, since),
    until === undefined ? undefined : lt(created, until),
  )
}

export async function readStatistics(db: Database, filter: StatisticsFilter): Promise<Statistics> {
  const chosen = (created: SQLiteColumn) => chosenBy(filter, created)
  // One pass each, without GROUP BY, which would sort.
  const [[ofSessions], [ofMessages], [ofOpen], [ofEnded]] = await db.orm.batch([
    db.orm.select(sessionCounts).from(sessions).where(chosen(sessions.create_time)),
    db.orm
      .select(messageCounts)
      .from(sessions)
      .crossJoin(messages)
      .where(and(chosen(messages.create_time), eq(messages.session_id, sessions.id), isNull(messages.deleted_at))),
    db.orm
      .select(countEach(turns.state, openStates))
      .from(sessions)
      .crossJoin(turns)
      .where(and(chosen(turns.create_time), eq(turns.session_id, sessions.id), isOpen)),
    db.orm
      .select(countEach(turns.state, TurnEnd.options))
      .from(sessions)
      .crossJoin(events)
      .crossJoin(turns)
      .where(
        and(
          chosen(turns.create_time),
          eq(events.session_id, sessions.id),
          eq(events.kind, "end"),
          eq(turns.id, events.ref),
        ),
      ),
  ])
  if (!ofSessions || !ofMessages || !ofOpen || !ofEnded) throw new Error("an aggregate gives one row")
  const { messages: total, usage } = ofMessages
  return { sessions: ofSessions, messages: total, turns: { by_state: { ...ofOpen, ...ofEnded } }, usage }
}

const sessionCounts = {
  total: count(),
  by_state: countEach(sessions.state, SessionState.options),
  by_chat_type: countEach(sessions.chat_type, ChatType.options),
  by_lifecycle: countEach(sessions.lifecycle, Lifecycle.options),
}

const told = (field: string) => sql`${messages.usage} ->> ${sql.raw(`'${field}'`)}`
export const usageSums: Record<keyof UsageSum, SQL<number>> = {
  input_tokens: sum(told("input_tokens")),
  output_tokens: sum(told("output_tokens")),
  reasoning_tokens: sum(told("reasoning_tokens")),
  // Some models tell the parts only.
  total_tokens: sum(
    sql`coalesce(${told("total_tokens")}, coalesce(${told("input_tokens")}, 0) + coalesce(${told("output_tokens")}, 0))`,
  ),
  cost: sum(told("cost")),
}

const messageCounts = {
  messages: {
    total: count(),
    by_people: countIf(sql`not ${messages.is_bot}`),
    by_bots: countIf(sql`${messages.is_bot}`),
  },
  usage: usageSums,
}

/** Among others that have a state: from the index of the few. */
const isOpen = sql`${turns.state} in ('queued', 'running')`
const openStates = ["queued", "running"] as const

function countEach<K extends string>(column: SQLiteColumn, values: readonly K[]): Record<K, SQL<number>> {
  const each = values.map((value) => [value, countIf(eq(column, value))])
  // Object.fromEntries forgets the keys' type.
  return Object.fromEntries(each) as Record<K, SQL<number>>
}

function countIf(condition: SQL): SQL<number> {
  return sql<number>`count(*) filter (where ${condition})`
}

function sum(value: SQL): SQL<number> {
  return sql<number>`coalesce(sum(${value}), 0)`
}
