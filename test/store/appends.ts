// What is appended in tests: whole appends like those that chat/ makes, unique and overridable.
import { systemClock } from "../../src/clock.ts"
import { answerIdOf, newId } from "../../src/ids.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { Append, NewMessage } from "../../src/store/append.ts"
import type { Database } from "../../src/store/database.ts"
import { insertSessions } from "../../src/store/session-changes.ts"
import { Writer } from "../../src/store/writer.ts"

export const time = "2026-01-01T00:00:00.000Z"
export const lease = { instance: "ins_1", lease_expires_at: 15_000 }

/** A chat that is there and in which nothing was said. */
export async function openChat(db: Database, over: Partial<Session> = {}): Promise<Session> {
  const session: Session = {
    ...{ id: newId("session"), user_id: 1, chat_id: newId("chat"), flow_id: "default", chat_type: "NORMAL" },
    ...{ likes: 0, dislikes: 0, copies: 0, read_seq: 0 },
    ...{
      topic: null,
      logo: null,
      state: "initialized",
      lifecycle: "created",
      head: null,
      last_seq: 0,
      epoch: newId("epoch"),
    },
    ...{ create_time: time, update_time: time, deleted_at: null },
    ...over,
  }
  if (!(await insertSessions(db, [session]))[0]) throw new Error(`there is a chat ${session.id}`)
  return session
}

export function messageOf(session: Session, over: Partial<NewMessage> = {}): NewMessage {
  const { id: session_id, chat_id, flow_id, chat_type, user_id } = session
  return {
    ...{ id: newId("message"), session_id, chat_id, flow_id, chat_type, user_id, is_bot: false, kind: "text" },
    ...{ state: "completed", message: "hello", parts: [], extra: null, source: 0, turn_id: null, client_id: null },
    ...{ reply_to: null, liked: 0, comment: null, copied: false, usage: null, create_time: time, deleted_at: null },
    ...over,
  }
}

/** One status event, unless `over` says something else. */
export function appendOf(session: Pick<Session, "id">, over: Partial<Append> = {}): Append {
  return {
    ...{ session_id: session.id, trace_id: "trace-1", create_time: time, guard: {}, messages: [] },
    events: [{ kind: "status", ref: null, data: { changed: [] } }],
    ...over,
  }
}

export type Question = Append & Required<Pick<Append, "new_turn">>

/** A person's message with its turn; `said` overrides the message. */
export function questionOf(session: Session, over: Partial<Append> = {}, said: Partial<NewMessage> = {}): Question {
  const turn_id = newId("turn")
  const message = messageOf(session, { turn_id, ...(said.reply_to ? {} : { follows: "head" }), ...said })
  return {
    ...appendOf(session, {
      guard: { open: true },
      messages: [message],
      events: [{ kind: "message", ref: message.id, data: null }],
      session: { head: message.id },
      ...over,
    }),
    new_turn: { id: turn_id, message_id: message.id, answer_id: answerIdOf(turn_id), language: "en", ...lease },
  }
}

export interface Running {
  readonly id: string
  readonly answer_id: string
  readonly generation?: number
}

/** The end of a running turn, with its answer. */
export function endOf(session: Session, turn: Running, over: Partial<Append> = {}): Append {
  const { id, answer_id, generation = 1 } = turn
  return appendOf(session, {
    guard: { fence: { turn_id: id, generation } },
    messages: [messageOf(session, { id: answer_id, is_bot: true, turn_id: id, message: "answer" })],
    events: [
      { kind: "result", ref: answer_id, data: null },
      { kind: "end", ref: id, data: { turn_id: id, state: "completed" } },
    ],
    end_turn: { id, state: "completed", error: null },
    session: { state: "completed", head: answer_id },
    ...over,
  })
}

/** A chat with a turn that `instance` runs, and others in line. */
export async function working(db: Database, instance: string, line = 0, lease_expires_at: number | null = null) {
  const writer = new Writer(db, systemClock)
  const chat = await openChat(db)
  const questions = Array.from({ length: 1 + line }, () => questionOf(chat))
  for (const question of questions) {
    await writer.append({ ...question, new_turn: { ...question.new_turn, instance, lease_expires_at } })
  }
  const turns = questions.map(({ new_turn }) => new_turn)
  const [turn] = turns
  if (!turn) throw new Error("no turn")
  return { chat, writer, turn, line: turns.slice(1) }
}
