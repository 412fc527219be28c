// The durable log of a chat, read back: for a replay, for a gap, and as the state of a chat that comes into memory.
import { and, asc, eq, gt, inArray, type Placeholder, type SQL, sql } from "drizzle-orm"
import type { Message } from "../protocol/message.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "./database.ts"
import type { Orm } from "./orm.ts"
import { prepared } from "./prepared.ts"
import { rowOf } from "./row-json.ts"
import {
  type EventRow,
  events,
  type InputRow,
  inputs,
  isOpen,
  isStatus,
  messages,
  revisedAs,
  sessions,
  type TurnRow,
  turns,
} from "./schema.ts"

const eventRow = rowOf(events, "seq")
const messageRow = rowOf(messages, "id")
const sessionRow = rowOf(sessions, "id")
// Names of columns as text: in a query of one table drizzle leaves the table's name out, and here are two.
const openTurns = sql`(select json_group_array(json(turn)) from (select ${rowOf(turns, "id")} as turn from turns
  where turns.session_id = sessions.id and ${isOpen} order by turns.seq))`.mapWith(
  (json: string) => JSON.parse(json) as TurnRow[],
)
/** At most one is open. `is null` as the index says it. */
const openQuestion = sql`(select ${rowOf(inputs, "id")} from inputs
  where inputs.session_id = sessions.id and closed_at is null limit 1)`.mapWith(
  (json: string) => JSON.parse(json) as InputRow,
) as SQL<InputRow | null>

export interface LoggedEvent {
  readonly event: EventRow
  /** The body, for `message` and `result`. */
  readonly message: Message | null
}

/** The events after `cursor`, in order, at most `limit`. From near by where that has them up to `reaches`; without it, all. */
export async function eventsSince(
  db: Database,
  session_id: string,
  cursor: number,
  limit: number,
  reaches?: number,
): Promise<LoggedEvent[]> {
  const asked = { session_id, cursor, limit }
  const near =
    reaches === undefined ? undefined : await db.replica?.read(session_id, reaches, (orm) => since(orm, asked))
  return near ? near.rows : preparedSince(db.orm).execute(asked)
}

interface Since<Value> {
  readonly session_id: Value | string
  readonly cursor: Value | number
  readonly limit: Value | number
}

function since(orm: Orm, { session_id, cursor, limit }: Since<Placeholder>) {
  return orm
    .select({ event: eventRow, message: messageRow })
    .from(events)
    .leftJoin(messages, and(eq(messages.session_id, events.session_id), eq(messages.seq, events.seq)))
    .where(and(eq(events.session_id, session_id), gt(events.seq, cursor)))
    .orderBy(asc(events.seq))
    .limit(limit)
}

const preparedSince = prepared((orm) =>
  since(orm, {
    session_id: sql.placeholder("session_id"),
    cursor: sql.placeholder("cursor"),
    limit: sql.placeholder("limit"),
  }).prepare(),
)

export interface ChatState {
  readonly session: Session
  readonly turns: readonly TurnRow[]
  readonly question: InputRow | null
}

/** A chat as it is after its last event. One statement, so that the parts belong together, and one is all it costs. */
export async function loadChat(db: Database, session_id: string): Promise<ChatState | undefined> {
  return (await preparedChat(db.orm).execute({ session_id }))[0]
}

const preparedChat = prepared((orm) =>
  orm
    .select({ session: sessionRow, turns: openTurns, question: openQuestion })
    .from(sessions)
    .where(eq(sessions.id, sql.placeholder("session_id")))
    .limit(1)
    .prepare(),
)

/** By its key, whoever owns it: for the service itself, never for a caller. */
export async function sessionByKey(db: Database, id: string): Promise<Session | undefined> {
  return (await db.orm.select().from(sessions).where(eq(sessions.id, id)).limit(1))[0]
}

/** A message of a person by the id that the person gave it (P3.3). */
export async function messageByClientId(
  db: Database,
  { session_id, user_id, client_id }: { session_id: string; user_id: number; client_id: string },
): Promise<Message | undefined> {
  const rows = await db.orm
    .select()
    .from(messages)
    .where(and(eq(messages.session_id, session_id), eq(messages.user_id, user_id), eq(messages.client_id, client_id)))
    .limit(1)
  return rows[0]
}

export interface Snapshot {
  /** The chat as it was after this event. */
  readonly last_seq: number
  readonly messages: Message[]
}

/**
 * The newest `limit` messages that were not deleted, oldest first, and the place in the log at which that was so. From near
 * by where that place is `reaches` or later.
 */
export async function snapshotOf(db: Database, session_id: string, limit: number, reaches?: number): Promise<Snapshot> {
  const asked = { session_id, limit }
  const near =
    reaches === undefined ? undefined : await db.replica?.read(session_id, reaches, (orm) => newest(orm, asked))
  const [found] = near ? near.rows : await preparedNewest(db.orm).execute(asked)
  return { last_seq: found?.last_seq ?? 0, messages: found?.messages.reverse() ?? [] }
}

/** In one statement, so that they belong together. */
function newest(orm: Orm, { session_id, limit }: Pick<Since<Placeholder>, "session_id" | "limit">) {
  const listed = sql`(select json_group_array(json(message)) from (select ${messageRow} as message from messages
    where messages.session_id = sessions.id and messages.deleted_at is null order by messages.seq desc limit ${limit}))`
  return orm
    .select({ last_seq: sessions.last_seq, messages: listed.mapWith((json: string) => JSON.parse(json) as Message[]) })
    .from(sessions)
    .where(eq(sessions.id, session_id))
    .limit(1)
}

const preparedNewest = prepared((orm) =>
  newest(orm, { session_id: sql.placeholder("session_id"), limit: sql.placeholder("limit") }).prepare(),
)

/** Are all of these messages of a person in the chat? */
export async function areThere(
  db: Database,
  session_id: string,
  { user_id, client_ids }: { readonly user_id: number; readonly client_ids: readonly string[] },
): Promise<boolean> {
  const these = [...new Set(client_ids)]
  const said = and(
    eq(messages.session_id, session_id),
    eq(messages.user_id, user_id),
    inArray(messages.client_id, these),
  )
  return (await db.orm.select({ id: messages.id }).from(messages).where(said)).length === these.length
}

/** Has anybody, person or bot, said anything after `seq`? */
export async function saidSince(db: Database, session_id: string, seq: number): Promise<boolean> {
  const later = and(eq(messages.session_id, session_id), gt(messages.seq, seq))
  return (await db.orm.select({ id: messages.id }).from(messages).where(later).limit(1)).length > 0
}

/** Did a message of a person get another text since it was said? */
export async function wasEdited(
  db: Database,
  { session_id, id, seq }: Pick<Message, "session_id" | "id" | "seq">,
): Promise<boolean> {
  const edit = and(eq(events.session_id, session_id), isStatus, eq(events.ref, id), gt(events.seq, seq ?? 0))
  return (await db.orm.select({ seq: events.seq }).from(events).where(edit).limit(1)).length > 0
}

/** The edit or rating that was made under this id (P3.3). */
export async function revisionByClientId(
  db: Database,
  session_id: string,
  client_id: string,
): Promise<EventRow | undefined> {
  const revision = and(eq(events.session_id, session_id), isStatus, eq(revisedAs, client_id))
  return (await db.orm.select().from(events).where(revision).limit(1))[0]
}

/** A question of this chat, open or not. */
export async function inputOf(db: Database, session_id: string, id: string): Promise<InputRow | undefined> {
  const ofChat = and(eq(inputs.id, id), eq(inputs.session_id, session_id))
  return (await db.orm.select().from(inputs).where(ofChat).limit(1))[0]
}

/** Is this the answer of a turn of the chat, given or not? */
export async function isAnswer(db: Database, session_id: string, id: string): Promise<boolean> {
  const message = await messageOf(db, session_id, id)
  if (message) return message.is_bot && message.turn_id !== null
  const ofChat = and(
    eq(turns.id, sql`'trn_' || substr(${id}, 5)`),
    eq(turns.session_id, session_id),
    eq(turns.answer_id, id),
  )
  return (await db.orm.select({ id: turns.id }).from(turns).where(ofChat).limit(1)).length > 0
}

/** A message of this chat, deleted or not. */
export async function messageOf(db: Database, session_id: string, id: string): Promise<Message | undefined> {
  const ofChat = and(eq(messages.id, id), eq(messages.session_id, session_id))
  return (await db.orm.select().from(messages).where(ofChat).limit(1))[0]
}

/** Messages by their keys, whoever owns them, in the order in which they were said: for the service itself. */
export async function messagesByKey(db: Database, ids: readonly string[]): Promise<Message[]> {
  return db.orm
    .select()
    .from(messages)
    .where(inArray(messages.id, [...ids]))
    .orderBy(asc(messages.seq))
}

/** How far each of these chats has come. */
export async function lastSeqs(
  db: Database,
  ids: readonly string[],
): Promise<Pick<Session, "id" | "last_seq" | "lifecycle" | "read_seq">[]> {
  return (
    db.orm
      .select({
        ...{ id: sessions.id, last_seq: sessions.last_seq },
        ...{ lifecycle: sessions.lifecycle, read_seq: sessions.read_seq },
      })
      .from(sessions)
      // One parameter however many chats there are.
      .where(sql`${sessions.id} in (select value from json_each(${JSON.stringify(ids)}))`)
  )
}
