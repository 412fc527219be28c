// Reads the questions of bots to people, with what became of them. Ownership is part of the WHERE (promise 10).
import { and, desc, eq, inArray, isNotNull, isNull, lt, lte, type SQL, sql } from "drizzle-orm"
import { alias } from "drizzle-orm/sqlite-core"
import type { Owner } from "../auth/rights.ts"
import type { Part } from "../protocol/message.ts"
import type { InputItem, InputState } from "../protocol/rest-inputs.ts"
import type { Database } from "./database.ts"
import { type InputRow, inputs, messages, sessions, turns } from "./schema.ts"

export interface InputFilter {
  readonly owner: Owner
  /** A session that the caller was found to reach. */
  readonly session_id?: string | undefined
  readonly state?: InputState | undefined
  /** An instant: what has expired by then is closed, whether somebody has noticed or not. */
  readonly now: string
}

export interface InputPage {
  /** Begin after this one, the last of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

/** One page of questions, the newest first: their ids sort by time. */
export async function listInputs(db: Database, filter: InputFilter, { after, limit }: InputPage): Promise<InputItem[]> {
  const { session_id, state, now } = filter
  const chosen = and(
    ownInputs(filter.owner),
    session_id === undefined ? undefined : eq(inputs.session_id, session_id),
    state === undefined ? undefined : inState[state](now),
    after === undefined ? undefined : lt(inputs.id, after),
  )
  const rows = await withAnswers(db).where(chosen).orderBy(desc(inputs.id)).limit(limit)
  return rows.map((row) => itemOf(row, now))
}

/** One question; undefined when it is missing, of a deleted session, or out of reach. */
export async function findInput(db: Database, owner: Owner, id: string, now: string): Promise<InputItem | undefined> {
  const [row] = await withAnswers(db)
    .where(and(ownInputs(owner), eq(inputs.id, id)))
    .limit(1)
  return row && itemOf(row, now)
}

/** Open questions whose time is over, of whatever chat: for the service itself. */
export function expiredInputs(
  db: Database,
  now: string,
  limit: number,
): Promise<Pick<InputRow, "id" | "session_id">[]> {
  return (
    db.orm
      .select({ id: inputs.id, session_id: inputs.session_id })
      .from(inputs)
      // As the partial index says it.
      .where(and(isNull(inputs.closed_at), isNotNull(inputs.expires_at), lte(inputs.expires_at, now)))
      .orderBy(inputs.expires_at)
      .limit(limit)
  )
}

/** The question that one of these messages asks and that is open still. */
export async function openInputIn(
  db: Database,
  session_id: string,
  message_ids: readonly string[],
  now: string,
): Promise<string | undefined> {
  const [row] = await db.orm
    .select({ id: inputs.id })
    .from(inputs)
    .innerJoin(turns, eq(turns.id, inputs.turn_id))
    .where(and(eq(inputs.session_id, session_id), inState.open(now), inArray(turns.answer_id, [...message_ids])))
    .limit(1)
  return row?.id
}

function ownInputs(owner: Owner): SQL | undefined {
  return and(isNull(sessions.deleted_at), owner === "anyone" ? undefined : eq(sessions.user_id, owner))
}

const inState: Record<InputState, (now: string) => SQL> = {
  open: (now) => sql`(inputs.closed_at is null and (${inputs.expires_at} is null or ${inputs.expires_at} > ${now}))`,
  answered: () => sql`${inputs.answered_by} is not null`,
  closed: (now) =>
    sql`(${inputs.answered_by} is null and (inputs.closed_at is not null or ${inputs.expires_at} <= ${now}))`,
}

const asking = alias(messages, "asking")

function withAnswers(db: Database) {
  const { chat_id } = sessions
  const { parts, deleted_at } = messages
  return db.orm
    .select({ input: inputs, chat_id, parts, deleted_at, unasked_at: asking.deleted_at })
    .from(inputs)
    .innerJoin(sessions, eq(sessions.id, inputs.session_id))
    .leftJoin(messages, eq(messages.id, inputs.answered_by))
    .leftJoin(turns, eq(turns.id, inputs.turn_id))
    .leftJoin(asking, eq(asking.id, turns.answer_id))
    .$dynamic()
}

interface Joined {
  readonly input: InputRow
  readonly chat_id: string
  readonly parts: Part[] | null
  readonly deleted_at: string | null
  /** When the message that asks was deleted. */
  readonly unasked_at: string | null
}

function itemOf({ input, chat_id, parts, deleted_at, unasked_at }: Joined, now: string): InputItem {
  const { id: input_id, answered_by, closed_at, expires_at, ...rest } = input
  const open = closed_at === null && (expires_at === null || expires_at > now)
  // What was deleted is not told (P4.3).
  const said = deleted_at === null ? parts?.find((part) => part.type === "input") : undefined
  return {
    ...{ input_id, chat_id, ...rest, expires_at, closed_at },
    ...(unasked_at === null ? {} : { prompt: "", fields: [] }),
    state: open ? "open" : answered_by === null ? "closed" : "answered",
    answer: said?.answer ?? null,
    answered_by,
  }
}
