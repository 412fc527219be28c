// Random appends to many chats at once, held against the model: for every kind of database.
import { expect, test } from "bun:test"
import fc from "fast-check"
import { systemClock } from "../../src/clock.ts"
import { ChatError } from "../../src/errors.ts"
import { newId } from "../../src/ids.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { TurnEnd } from "../../src/protocol/turn.ts"
import type { Append } from "../../src/store/append.ts"
import type { Database } from "../../src/store/database.ts"
import { Writer } from "../../src/store/writer.ts"
import { everything } from "../support/database.ts"
import { type Expected, ModelChat } from "./append-model.ts"
import { appendOf, endOf, messageOf, openChat, questionOf, time } from "./appends.ts"

const acts = [
  ...["say", "say", "say", "say", "resend", "repeat", "status", "status", "command", "end", "end", "end"],
  ...[
    "ask",
    "fail",
    "leave",
    "stale",
    "stop",
    "unqueue",
    "answer",
    "switch",
    "branch",
    "again",
    "forget",
    "rate",
    "rate",
    "finish",
    "delete",
  ],
] as const

const operation = fc.record({
  chat: fc.nat({ max: 15 }),
  act: fc.constantFrom(...acts),
  pick: fc.nat({ max: 1000 }),
  /** Wait for everything before going on, so that batches of all sizes come about. */
  settle: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

export interface Size {
  readonly runs: number
  readonly operations: number
  readonly seed: number
}

export function registerAppendProperty(
  kind: string,
  open: () => Promise<Opened>,
  { runs, operations, seed }: Size,
): void {
  test(`[P4.1] ${kind}: random appends to many chats at once do what the model says, seq 1, 2, 3 ... without holes`, async () => {
    await using it = await open()
    const script = fc.array(operation, { minLength: 1, maxLength: operations, size: "max" })
    await fc.assert(
      fc.asyncProperty(script, (each) => holds(it.db, each)),
      { numRuns: runs, seed, interruptAfterTimeLimit: 40_000 },
    )
  }, 60_000)
}

export interface Opened extends AsyncDisposable {
  readonly db: Database
}

async function holds(db: Database, operations: readonly Operation[]): Promise<void> {
  const writer = new Writer(db, systemClock)
  const chats = new Map<number, { session: Session; model: ModelChat }>()
  const results: Promise<{ expected: Expected; happened: Expected }>[] = []
  for (const { chat, act, pick, settle } of operations) {
    const it = chats.get(chat) ?? { session: await openChat(db), model: new ModelChat() }
    chats.set(chat, it)
    const append = appendFor(act, pick, it.session, it.model)
    // Appends of a chat happen in the order in which they are given, so the model may run ahead.
    const expected = it.model.apply(append)
    results.push(happenedTo(writer, append).then((happened) => ({ expected, happened })))
    if (settle) await Promise.all(results)
  }
  const settled = await Promise.all(results)
  expect(settled.map(({ happened }) => happened)).toEqual(settled.map(({ expected }) => expected))
  const rows = await everything(db)
  for (const { session, model } of chats.values()) expectRows(rows, session, model)
}

async function happenedTo(writer: Writer, append: Append): Promise<Expected> {
  try {
    const appended = await writer.append(append)
    return appended.seqs.length > 0 ? appended : "refused"
  } catch (error) {
    if (error instanceof ChatError && error.code === "internal") return "broken"
    throw error
  }
}

function appendFor(act: (typeof acts)[number], pick: number, session: Session, model: ModelChat): Append {
  const one = <T>(list: readonly T[]): T | undefined => list[pick % Math.max(1, list.length)]
  const running = model.running ?? {
    ...{ id: newId("turn"), answer_id: newId("message"), message_id: newId("message") },
    generation: 1,
  }
  const end = (state: TurnEnd, over: Partial<Append> = {}) =>
    endOf(session, running, {
      end_turn: { id: running.id, state, error: null, checkpoint: { pick } },
      session: {
        state: state === "failed" ? "interrupted" : state,
        ...(pick % 5 === 0 ? {} : { head: running.answer_id, head_from: running.message_id }),
      },
      ...(pick % 4 === 0 ? {} : { claim: { instance: `ins_${pick % 3}`, lease_expires_at: pick } }),
      // A bot that said nothing.
      ...(pick % 5 === 0 ? { messages: [], events: [{ kind: "end", ref: running.id, data: {} }] } : {}),
      ...over,
    })
  switch (act) {
    case "say":
    case "resend": {
      const known = model.messages.filter(({ once }) => once !== "")
      const client_id = act === "resend" ? (one(known)?.once.split(" ")[1] ?? newId("chat")) : newId("chat")
      const guard = { once: { user_id: 1, client_id }, open: true, max_open_turns: 1 + (pick % 6) } as const
      const question = questionOf(session, { guard }, { client_id })
      return { ...question, plain: true, session: { lifecycle: "active", head: question.new_turn.message_id } }
    }
    case "repeat": {
      const message = messageOf(session, { id: one(model.messages)?.id ?? newId("message") })
      return appendOf(session, { messages: [message], events: [{ kind: "message", ref: message.id, data: null }] })
    }
    case "status":
      return appendOf(session, {
        events: Array.from({ length: 1 + (pick % 3) }, (_, place) => ({ kind: "status", ref: null, data: { place } })),
        session: { topic: pick % 7 === 0 ? null : `topic ${pick}` },
      })
    case "command": {
      const [said, reply] = [messageOf(session), messageOf(session, { is_bot: true })]
      return appendOf(session, {
        guard: { open: true },
        messages: [said, reply],
        events: [
          { kind: "message", ref: said.id, data: null },
          { kind: "status", ref: null, data: {} },
          { kind: "result", ref: reply.id, data: null },
        ],
      })
    }
    case "end":
      return end("completed")
    case "fail":
      return end("failed")
    case "leave":
      return end("interrupted")
    case "ask":
      return end("waiting_input", {
        new_input: { id: newId("input"), turn_id: running.id, prompt: "Which?", fields: [], expires_at: null },
      })
    case "stale":
      return end("completed", { guard: { fence: { turn_id: running.id, generation: running.generation + 1 } } })
    case "stop": {
      const id = one(model.turns)?.id ?? newId("turn")
      return appendOf(session, {
        guard: { stoppable: id },
        stop_turn: id,
        events: [{ kind: "interrupt", ref: id, data: {} }],
      })
    }
    case "unqueue": {
      const id = one(model.open)?.id ?? newId("turn")
      return appendOf(session, {
        guard: { queued: id },
        end_turn: { id, state: "interrupted", error: null },
      })
    }
    case "answer": {
      const question = one(model.inputs)?.id ?? newId("input")
      const append = questionOf(session, { guard: { open: true, question } }, { follows: question })
      return { ...append, answer_input: { id: question, message_id: append.new_turn.message_id } }
    }
    case "forget": {
      const chosen = [one(model.messages), one(model.messages.toReversed())]
      return appendOf(session, { delete_messages: chosen.map((message) => message?.id ?? newId("message")) })
    }
    // On to another branch; to none at all.
    case "switch": {
      const head = pick % 3 === 0 ? null : (one(model.messages.filter(({ turn_id }) => turn_id))?.id ?? null)
      return appendOf(session, { session: { head } })
    }
    case "again": {
      const question = one(model.messages.filter(({ is_bot, turn_id }) => !is_bot && turn_id))
      const { new_turn } = questionOf(session)
      if (!question) return appendOf(session)
      return appendOf(session, { new_turn: { ...new_turn, message_id: question.id }, session: { head: question.id } })
    }
    // In other words.
    case "branch": {
      const answer = one(model.messages.filter(({ is_bot, turn_id }) => is_bot && turn_id))?.id ?? newId("message")
      return questionOf(session, { guard: { open: true, answer } }, { reply_to: answer })
    }
    case "rate": {
      const id = one(model.messages)?.id ?? newId("message")
      const opinion = [{ liked: pick % 3 }, { copied: true as const }, { comment: pick % 2 ? `words ${pick}` : null }]
      const chosen = opinion.filter((_, place) => (pick >> place) % 2 === 0)
      return appendOf(session, { rate_message: Object.assign({ id }, ...chosen) })
    }
    case "finish":
      if (pick % 6 > 0) return appendOf(session)
      return appendOf(session, { guard: { open: true }, session: { state: "ended", lifecycle: "ended" } })
    case "delete":
      if (pick % 6 > 0) return appendOf(session)
      return appendOf(session, { session: { state: "ended", lifecycle: "ended", deleted_at: time } })
  }
}

function expectRows(rows: Awaited<ReturnType<typeof everything>>, { id }: Session, model: ModelChat): void {
  const of = (table: string) => (rows[table] ?? []).filter((row) => row.session_id === id || row.id === id)
  const bySeq = (a: Record<string, unknown>, b: Record<string, unknown>) => Number(a.seq) - Number(b.seq)
  expect(
    of("sessions").map(({ last_seq, state, lifecycle, topic, head, likes, dislikes, copies }) => {
      return { last_seq, state, lifecycle, topic, head, likes, dislikes, copies }
    }),
  ).toEqual([
    {
      ...{ last_seq: model.last_seq, state: model.state, lifecycle: model.lifecycle },
      ...{ topic: model.topic, head: model.head, ...model.counters },
    },
  ])
  expect(of("sessions").map(({ deleted_at }) => deleted_at !== null)).toEqual([model.deleted])
  expect(of("events").map(({ seq, kind, ref }) => ({ seq, kind, ref }))).toEqual(model.events)
  expect(of("events").map(({ seq }) => seq)).toEqual(Array.from({ length: model.last_seq }, (_, place) => place + 1))
  expect(
    of("messages")
      .toSorted(bySeq)
      .map((row) => ({
        id: row.id,
        seq: row.seq,
        reply_to: row.reply_to,
        deleted: row.deleted_at !== null,
        liked: row.liked,
        comment: row.comment,
        copied: row.copied === 1,
      })),
  ).toEqual(
    model.messages.map(({ id, seq, reply_to, deleted, liked, comment, copied }) => ({
      id,
      seq,
      reply_to,
      deleted,
      liked,
      comment,
      copied,
    })),
  )
  expect(
    of("turns")
      .toSorted(bySeq)
      .map(({ id, seq, state, generation, instance, stop_requested_at }) => {
        return { id, seq, state, generation, instance, stop_requested: stop_requested_at !== null }
      }),
  ).toEqual(model.turns.map(({ answer_id: _, message_id: __, ...turn }) => turn))
  expect(of("turns").filter(({ state }) => state === "running").length).toBeLessThanOrEqual(1)
  expect(
    of("inputs").map(({ id, turn_id, answered_by, closed_at }) => {
      return { id, turn_id, answered_by, open: closed_at === null }
    }),
  ).toEqual(model.inputs.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
}
