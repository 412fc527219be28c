// The tables. A field has one spelling from column to client, so a row is what is sent; the checks at the end prove it.
import { sql } from "drizzle-orm"
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"
import type { Field } from "../protocol/form.ts"
import type { Message, MessageKind, MessageState, Part, Usage } from "../protocol/message.ts"
import type { ChatType, Lifecycle, Session, SessionState } from "../protocol/session.ts"
import type { TurnState } from "../protocol/turn.ts"

export const sessions = sqliteTable(
  "sessions",
  {
    id: text().primaryKey(),
    user_id: integer().notNull(),
    chat_id: text().notNull(),
    flow_id: text().notNull(),
    chat_type: text().$type<ChatType>().notNull(),
    topic: text(),
    logo: text(),
    state: text().$type<SessionState>().notNull(),
    lifecycle: text().$type<Lifecycle>().notNull(),
    head: text(),
    likes: integer().notNull().default(0),
    dislikes: integer().notNull().default(0),
    copies: integer().notNull().default(0),
    read_seq: integer().notNull().default(0),
    last_seq: integer().notNull().default(0),
    epoch: text().notNull(),
    create_time: text().notNull(),
    update_time: text().notNull(),
    deleted_at: text(),
  },
  (table) => [
    // chat_id is the caller's own name for it, so it is unique for its owner only (P1.3).
    uniqueIndex("sessions_owner_chat").on(table.user_id, table.chat_id),
    index("sessions_owner_recent").on(table.user_id, table.update_time, table.id),
    index("sessions_recent").on(table.update_time, table.id),
    index("sessions_flow").on(table.flow_id, table.update_time, table.id),
  ],
)

export const messages = sqliteTable(
  "messages",
  {
    id: text().primaryKey(),
    session_id: text().notNull(),
    chat_id: text().notNull(),
    flow_id: text().notNull(),
    chat_type: text().$type<ChatType>().notNull(),
    user_id: integer().notNull(),
    is_bot: integer({ mode: "boolean" }).notNull(),
    kind: text().$type<MessageKind>().notNull(),
    state: text().$type<MessageState>().notNull(),
    message: text(),
    parts: text({ mode: "json" }).$type<Part[]>().notNull(),
    extra: text(),
    source: integer().notNull().default(0),
    seq: integer().notNull(),
    turn_id: text(),
    client_id: text(),
    reply_to: text(),
    liked: integer().notNull().default(0),
    comment: text(),
    copied: integer({ mode: "boolean" }).notNull().default(false),
    usage: text({ mode: "json" }).$type<Usage>(),
    create_time: text().notNull(),
    deleted_at: text(),
  },
  (table) => [
    uniqueIndex("messages_order").on(table.session_id, table.seq),
    uniqueIndex("messages_once").on(table.session_id, table.user_id, table.client_id),
  ],
)

/** Edits and ratings of messages are `status` events with the message in `ref`. Their indexes are partial: word for word. */
export const isStatus = sql`kind = 'status'`
/** The `id` under which a person asked for an edit or a rating (P3.3). */
export const revisedAs = sql<string | null>`data ->> '$.client_id'`

/** The durable log that a replay reads. A message's body is not in here but in `messages`, under `ref`. */
export const events = sqliteTable(
  "events",
  {
    session_id: text().notNull(),
    seq: integer().notNull(),
    kind: text().$type<"message" | "result" | "status" | "interrupt" | "end">().notNull(),
    /** The message or turn that the event is about. */
    ref: text(),
    /** The frame's data. Of a message: `{ role }` of whoever said it, when that is not user; else null. */
    data: text({ mode: "json" }).$type<unknown>(),
    trace_id: text().notNull(),
    create_time: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.session_id, table.seq] }),
    // What was changed about a message, and under which id, however long the log is.
    index("events_revisions").on(table.session_id, table.ref, table.seq).where(sql`${isStatus} and ref is not null`),
    uniqueIndex("events_revised_once")
      .on(table.session_id, sql`(${revisedAs})`)
      .where(sql`${isStatus} and ${revisedAs} is not null`),
  ],
)

/** Lengths in UTF-16 units of `partial_text` and `partial_reasoning`, and the tool calls and steps. */
export interface ResumeFrom {
  readonly text: number
  readonly reasoning: number
  readonly parts: readonly Part[]
}

/** A query that says these word for word is answered from an index of the few. */
export const isOpen = sql`state in ('queued', 'running')`
export const isRunning = sql`state = 'running'`
export const turns = sqliteTable(
  "turns",
  {
    id: text().primaryKey(),
    session_id: text().notNull(),
    /** The question. */
    message_id: text().notNull(),
    /** The seq of the question: the place in line. */
    seq: integer().notNull(),
    /** The bot's message, known before it is written so that deltas can name it. */
    answer_id: text().notNull(),
    state: text().$type<TurnState>().notNull(),
    /** The instance that runs it, for as long as it lives (`instances`). Null while none does. */
    instance: text(),
    /** Grows with each take-over; every write of a turn names it (fencing). */
    generation: integer().notNull().default(0),
    /** Not taken before, though its instance has no lease. Milliseconds since the epoch; null: it has none of its own. */
    lease_expires_at: integer(),
    /** Runs since the last checkpoint that brought it on. */
    attempts: integer().notNull().default(0),
    /** What was streamed so far, kept each second or 4 KiB. */
    partial_text: text().notNull().default(""),
    partial_reasoning: text().notNull().default(""),
    /** Which generation streamed it. */
    partial_generation: integer().notNull().default(1),
    /** The handler's own, for the next turn or the next attempt. */
    checkpoint: text({ mode: "json" }).$type<unknown>(),
    /** How much of the answer belongs to a checkpoint of this turn: there another attempt goes on. Null: it left none. */
    resume_from: text({ mode: "json" }).$type<ResumeFrom>(),
    /** Further messages that joined the question while it waited, in order. */
    merged: text({ mode: "json" }).$type<string[]>(),
    stop_requested_at: text(),
    error: text({ mode: "json" }).$type<{ code: string; params: Record<string, string | number> }>(),
    trace_id: text().notNull(),
    language: text().notNull(),
    create_time: text().notNull(),
    start_time: text(),
    end_time: text(),
  },
  (table) => [
    // The others of a chat are found by the events that tell of their end: an entry here for each is one page more to write.
    index("turns_open").on(table.session_id, table.seq).where(isOpen),
    index("turns_held").on(table.instance, table.id, table.generation).where(isRunning),
  ],
)

/** Those that run turns. One that does not renew its lease is gone, and what it ran is taken over. */
export const instances = sqliteTable("instances", {
  id: text().primaryKey(),
  /** Milliseconds since the epoch. */
  lease_expires_at: integer().notNull(),
})

/** Questions of bots to people. */
export const inputs = sqliteTable(
  "inputs",
  {
    id: text().primaryKey(),
    session_id: text().notNull(),
    turn_id: text().notNull(),
    prompt: text().notNull(),
    fields: text({ mode: "json" }).$type<Field[]>().notNull().default([]),
    /** The message that answered. */
    answered_by: text(),
    create_time: text().notNull(),
    expires_at: text(),
    /** When it was answered, replaced by another question, given up or expired, or the session ended; null = open. */
    closed_at: text(),
  },
  (table) => [
    // At most one a chat, however many questions there were.
    uniqueIndex("inputs_open").on(table.session_id).where(sql`closed_at is null`),
    // Those of one chat, page by page.
    index("inputs_session").on(table.session_id, table.id),
    index("inputs_expiry").on(table.expires_at).where(sql`closed_at is null and expires_at is not null`),
  ],
)

/** Files that people uploaded and that bots made. Their content lies elsewhere, under `id`. */
export const files = sqliteTable(
  "files",
  {
    id: text().primaryKey(),
    user_id: integer().notNull(),
    name: text().notNull(),
    mime_type: text().notNull(),
    /** Bytes. */
    size: integer().notNull(),
    /** Of the content, hex. */
    sha256: text().notNull(),
    create_time: text().notNull(),
    deleted_at: text(),
    /** The question by whose link it came, until its answer is kept; null: it stays until somebody deletes it. */
    held_for: text(),
  },
  (table) => [
    index("files_owner").on(table.user_id, table.create_time, table.id),
    index("files_held").on(table.held_for).where(sql`held_for is not null`),
  ],
)

export type SessionRow = typeof sessions.$inferSelect
export type MessageRow = typeof messages.$inferSelect
export type EventRow = typeof events.$inferSelect
export type TurnRow = typeof turns.$inferSelect
export type InputRow = typeof inputs.$inferSelect
export type FileRow = typeof files.$inferSelect

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
const proved: [Same<SessionRow, Session>, Same<MessageRow, Message>] = [true, true]
void proved
