// A ChatPort on rows alone, for the routes that go to the live chats: no bot, no sockets, and it remembers what it was asked.
import { and, eq, inArray, isNull } from "drizzle-orm"
import { timestamp } from "../../src/clock.ts"
import { ChatError } from "../../src/errors.ts"
import type { ChatPort } from "../../src/http/app.ts"
import type { Database } from "../../src/store/database.ts"
import { inputs, messages, sessions, turns } from "../../src/store/schema.ts"
import { idOf, insertSession } from "./rows.ts"

export interface RowsChat extends ChatPort {
  draining: boolean
  /** What was asked of it, with the trace_id. */
  readonly asked: { act: string; trace_id: string; [detail: string]: unknown }[]
}

export function rowsChat(db: Database, now: () => number): RowsChat {
  const asked: RowsChat["asked"] = []
  const first = <T>(rows: readonly T[]): T => {
    const row = rows[0]
    if (!row) throw new ChatError("not_found", { params: { what: "session" } })
    return row
  }
  return {
    draining: false,
    service: { store: "ok", bus: "none" },
    asked,
    async createSession({ user_id }, { flow_id, chat_type, chat_id = `c_${crypto.randomUUID()}`, topic, logo }) {
      if (flow_id === "unknown") throw new ChatError("unknown_flow", { params: { flow_id, chat_type } })
      const taken = and(eq(sessions.user_id, user_id), eq(sessions.chat_id, chat_id))
      if ((await db.orm.select().from(sessions).where(taken)).length > 0) throw new ChatError("chat_exists")
      const time = timestamp(now())
      const names = { topic: topic ?? null, logo: logo ?? null }
      const fresh = { state: "initialized", lifecycle: "created", create_time: time, update_time: time } as const
      return insertSession(db, { user_id, chat_id, flow_id, chat_type, ...names, ...fresh })
    },
    async updateSession(_, session, change, trace_id) {
      asked.push({ act: "updateSession", trace_id, change })
      const set = { ...change, update_time: timestamp(now()) }
      return first(await db.orm.update(sessions).set(set).where(eq(sessions.id, session.id)).returning())
    },
    async deleteSession(_, session, trace_id) {
      asked.push({ act: "deleteSession", trace_id, id: session.id })
      await db.orm
        .update(sessions)
        .set({ deleted_at: timestamp(now()) })
        .where(eq(sessions.id, session.id))
    },
    async deleteMessages(_, session, message_ids, trace_id) {
      asked.push({ act: "deleteMessages", trace_id, message_ids })
      const there = and(
        inArray(messages.id, [...message_ids]),
        eq(messages.session_id, session.id),
        isNull(messages.deleted_at),
      )
      const set = { deleted_at: timestamp(now()) }
      return (await db.orm.update(messages).set(set).where(there).returning({ id: messages.id })).map(({ id }) => id)
    },
    async interrupt(_, session, request) {
      asked.push({ act: "interrupt", ...request })
      const running = await db.orm
        .select()
        .from(turns)
        .where(and(eq(turns.session_id, session.id), eq(turns.state, "running")))
      const turn = running.find(({ id }) => request.turn_id === undefined || request.turn_id === id)
      return turn ? { result: "confirmed", turn_id: turn.id } : { result: "too_late", turn_id: null }
    },
    async handleMessage(session_id, { data, id }, { trace_id }) {
      if (data.kind !== "input") {
        asked.push({ act: "handleMessage", trace_id, session_id, data, id })
        return { seq: 1, dup: false }
      }
      const { input_id = "", answer } = data
      asked.push({
        act: "answer",
        trace_id,
        session_id,
        input_id,
        answer,
        ...(id === undefined ? {} : { client_id: id }),
      })
      const open = and(eq(inputs.id, input_id), isNull(inputs.closed_at))
      const closed = await db.orm
        .update(inputs)
        .set({ closed_at: timestamp(now()) })
        .where(open)
        .returning()
      if (closed.length === 0) throw new ChatError("no_question")
      return { seq: 1, dup: false }
    },
    async status(session) {
      const open = await db.orm
        .select()
        .from(turns)
        .where(and(eq(turns.session_id, session.id), inArray(turns.state, ["queued", "running"])))
      const { state, lifecycle, topic, logo, head } = session
      return {
        ...{ state, lifecycle, topic, logo, head },
        turns: open.map(({ id, message_id, state, create_time }) => ({
          turn_id: id,
          message_id,
          state: state === "queued" ? "queued" : "running",
          create_time,
        })),
        question:
          state === "waiting_input"
            ? {
                input_id: idOf("inp", 1),
                turn_id: idOf("trn", 1),
                prompt: "Which?",
                fields: [],
                expires_at: null,
                create_time: session.create_time,
              }
            : null,
        changed: [],
      }
    },
  }
}
