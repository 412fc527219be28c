// Rows for tests: whole, unique, and overridable.
import { eq, max } from "drizzle-orm"
import type { Database } from "../../src/store/database.ts"
import {
  events,
  type InputRow,
  inputs,
  type MessageRow,
  messages,
  type SessionRow,
  sessions,
  type TurnRow,
  turns,
} from "../../src/store/schema.ts"

let made = 0

export function idOf(prefix: "ses" | "msg" | "trn" | "inp" | "fil", number = ++made): string {
  return `${prefix}_${number.toString(16).padStart(32, "0")}`
}

/** The instant `minutes` after the start of 2025. */
export function minute(minutes: number): string {
  return new Date(Date.UTC(2025, 0, 1, 0, minutes)).toISOString()
}

export function sessionRow(over: Partial<SessionRow> = {}): SessionRow {
  const number = ++made
  return {
    id: idOf("ses", number),
    user_id: 1,
    chat_id: `chat-${number}`,
    flow_id: "default",
    chat_type: "NORMAL",
    topic: null,
    logo: null,
    state: "completed",
    lifecycle: "active",
    ...{ head: null, likes: 0, dislikes: 0, copies: 0, read_seq: 0 },
    last_seq: 0,
    epoch: "e1",
    create_time: minute(0),
    update_time: minute(0),
    deleted_at: null,
    ...over,
  }
}

/** A message of `session`; its text says its place. */
export function messageRow(session: SessionRow, over: Partial<MessageRow> & { seq: number }): MessageRow {
  return {
    id: idOf("msg"),
    session_id: session.id,
    chat_id: session.chat_id,
    flow_id: session.flow_id,
    chat_type: session.chat_type,
    user_id: session.user_id,
    is_bot: over.seq % 2 === 0,
    kind: "text",
    state: "completed",
    message: `message ${over.seq}`,
    parts: [],
    extra: null,
    source: 0,
    turn_id: null,
    client_id: null,
    reply_to: null,
    liked: 0,
    comment: null,
    copied: false,
    usage: null,
    create_time: minute(over.seq),
    deleted_at: null,
    ...over,
  }
}

export function turnRow(session: SessionRow, over: Partial<TurnRow> = {}): TurnRow {
  return {
    id: idOf("trn"),
    session_id: session.id,
    message_id: idOf("msg"),
    seq: 1,
    answer_id: idOf("msg"),
    state: "completed",
    instance: null,
    generation: 0,
    lease_expires_at: null,
    attempts: 0,
    partial_generation: 1,
    resume_from: null,
    merged: null,
    partial_text: "",
    partial_reasoning: "",
    checkpoint: null,
    stop_requested_at: null,
    error: null,
    trace_id: "t",
    language: "en",
    create_time: minute(0),
    start_time: null,
    end_time: null,
    ...over,
  }
}

export async function insertSession(db: Database, over: Partial<SessionRow> = {}): Promise<SessionRow> {
  const row = sessionRow(over)
  await db.orm.insert(sessions).values(row)
  return row
}

/** Inserts messages with seq 1 to `count`, and moves the session's last_seq. */
export async function insertMessages(
  db: Database,
  session: SessionRow,
  count: number,
  overOf: (seq: number) => Partial<MessageRow> = () => ({}),
): Promise<MessageRow[]> {
  const rows = Array.from({ length: count }, (_, index) =>
    messageRow(session, { seq: index + 1, ...overOf(index + 1) }),
  )
  for (let from = 0; from < rows.length; from += 500) {
    await db.orm.insert(messages).values(rows.slice(from, from + 500))
  }
  await db.client.execute({ sql: "update sessions set last_seq = ? where id = ?", args: [count, session.id] })
  return rows
}

/** A question of the bot, open unless `over` says otherwise. */
export async function insertInput(db: Database, session: SessionRow, over: Partial<InputRow> = {}): Promise<InputRow> {
  const row: InputRow = {
    ...{ id: idOf("inp"), session_id: session.id, turn_id: idOf("trn"), prompt: "Which?", fields: [] },
    ...{ answered_by: null, create_time: minute(0), expires_at: null, closed_at: null },
    ...over,
  }
  await db.orm.insert(inputs).values(row)
  return row
}

export async function insertTurn(db: Database, session: SessionRow, over: Partial<TurnRow> = {}): Promise<TurnRow> {
  const row = turnRow(session, over)
  await db.orm.insert(turns).values(row)
  if (row.state !== "queued" && row.state !== "running") await insertEnd(db, row)
  return row
}

/** At some place that nobody has yet. */
async function insertEnd(db: Database, { id, session_id, trace_id, create_time }: TurnRow): Promise<void> {
  const [last] = await db.orm
    .select({ seq: max(events.seq) })
    .from(events)
    .where(eq(events.session_id, session_id))
  const seq = (last?.seq ?? 1000) + 1
  await db.orm
    .insert(events)
    .values({ session_id, seq, kind: "end", ref: id, data: { turn_id: id }, trace_id, create_time })
}
