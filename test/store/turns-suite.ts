// Recovery and memory of turns, for every kind of database.

import { describe, expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { TurnEnd } from "../../src/protocol/turn.ts"
import type { Append, NewMessage } from "../../src/store/append.ts"
import { branchBefore } from "../../src/store/branch.ts"
import type { Database } from "../../src/store/database.ts"
import { graphCheckpoints, graphWrites } from "../../src/store/schema.ts"
import { releaseLease, renewLeases, type TakeOver, takeOver, takeStranded, turnById } from "../../src/store/turns.ts"
import { Writer } from "../../src/store/writer.ts"
import { everything } from "../support/database.ts"
import type { Opened } from "./append-property.ts"
import { appendOf, endOf, openChat, questionOf, time } from "./appends.ts"

const now = Date.parse(time)
const request: TakeOver = { instance: "ins_new", now, expires_at: now + 15_000, all: false }

/** A chat with a turn that `instance` runs until `until`, and others in line. */
async function working(db: Database, instance: string, until: number, line = 0) {
  const writer = new Writer(db, systemClock)
  const chat = await openChat(db)
  const questions = Array.from({ length: 1 + line }, () => questionOf(chat))
  for (const question of questions) {
    const new_turn = { ...question.new_turn, instance, lease_expires_at: until }
    await writer.append({ ...question, new_turn })
  }
  const turns = questions.map(({ new_turn }) => new_turn)
  const [turn] = turns
  if (!turn) throw new Error("no turn")
  return { chat, writer, turn, line: turns.slice(1) }
}

const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).toSorted()

export function registerTurnVerbs(kind: string, open: () => Promise<Opened>): void {
  describe(kind, () => {
    test("[promise 5] takeOver takes turns whose lease ran out, under a new generation, and no others", async () => {
      await using it = await open()
      const dead = await working(it.db, "ins_dead", now - 1, 1)
      const alive = await working(it.db, "ins_alive", now, 1)
      const done = await working(it.db, "ins_dead", now - 1)
      await done.writer.append(endOf(done.chat, done.turn))
      const taken = await takeOver(it.db, request)
      expect(taken).toMatchObject([
        {
          ...{ id: dead.turn.id, state: "running", instance: "ins_new", generation: 2, attempts: 2 },
          ...{ lease_expires_at: now + 15_000, session_id: dead.chat.id, answer_id: dead.turn.answer_id },
        },
      ])
      expect(await turnById(it.db, alive.turn.id)).toMatchObject({ instance: "ins_alive", generation: 1 })
      expect(await takeOver(it.db, request)).toEqual([])
    })

    test("[promise 5] takeOver of all takes every running turn of others, whatever its lease, and leaves its own", async () => {
      await using it = await open()
      const [one, other] = [await working(it.db, "ins_a", now + 60_000), await working(it.db, "ins_b", now - 1)]
      await working(it.db, "ins_new", now - 1)
      expect(ids(await takeOver(it.db, { ...request, all: true }))).toEqual(ids([one.turn, other.turn]))
    })

    test("a deposed instance writes nothing: its generation is over", async () => {
      await using it = await open()
      const { chat, writer, turn } = await working(it.db, "ins_old", now - 1)
      await takeOver(it.db, request)
      const before = await everything(it.db)
      expect(await writer.append(endOf(chat, turn))).toEqual({ seqs: [] })
      const checkpoint = { turn_id: turn.id, generation: 1, text: "late", reasoning: "", checkpoint: null }
      expect(await writer.checkpoint(checkpoint)).toBe(false)
      expect(await everything(it.db)).toEqual(before)
      expect((await writer.append(endOf(chat, { ...turn, generation: 2 }))).seqs).toHaveLength(2)
    })

    test("two instances that race for the same turns: each turn goes to exactly one", async () => {
      await using it = await open()
      const chats = await Promise.all(Array.from({ length: 6 }, () => working(it.db, "ins_dead", now - 1)))
      const taken = await Promise.all(
        ["ins_a", "ins_b", "ins_c"].map((instance) => takeOver(it.db, { ...request, instance })),
      )
      expect(ids(taken.flat())).toEqual(ids(chats.map(({ turn }) => turn)))
      for (const row of taken.flat()) expect(row.generation).toBe(2)
    })

    test("takeStranded takes the first in line of chats where nobody runs, each once", async () => {
      await using it = await open()
      const stranded = await working(it.db, "ins_dead", now, 2)
      await stranded.writer.append(endOf(stranded.chat, stranded.turn))
      await working(it.db, "ins_alive", now, 1)
      const races = await Promise.all(
        ["ins_a", "ins_b", "ins_c"].map((instance) => takeStranded(it.db, { ...request, instance })),
      )
      const taken = races.flat()
      expect(taken).toMatchObject([
        { id: stranded.line[0]?.id, state: "running", generation: 1, attempts: 1, start_time: time },
      ])
      const [row] = taken
      expect(races.findIndex((rows) => rows.length > 0)).toBe(["ins_a", "ins_b", "ins_c"].indexOf(row?.instance ?? ""))
    })

    test("a session whose stranded turn was taken is running again; one that has ended stays so", async () => {
      await using it = await open()
      const chats = [await working(it.db, "ins_dead", now, 1), await working(it.db, "ins_dead", now, 1)]
      const [one, gone] = chats
      if (!one || !gone) throw new Error("no chat")
      for (const { chat, writer, turn } of chats) await writer.append(endOf(chat, turn))
      await gone.writer.append(appendOf(gone.chat, { session: { state: "ended", lifecycle: "ended" } }))
      expect(await takeStranded(it.db, request)).toHaveLength(2)
      const { sessions = [] } = await everything(it.db)
      const stateOf = ({ id }: Session) => sessions.find((row) => row.id === id)?.state
      expect([stateOf(one.chat), stateOf(gone.chat)]).toEqual(["running", "ended"])
    })

    test("renewLeases prolongs those of its turns that it holds, and says which", async () => {
      await using it = await open()
      const mine = await working(it.db, "ins_new", now + 1, 1)
      const ended = await working(it.db, "ins_new", now + 1)
      await ended.writer.append(endOf(ended.chat, ended.turn))
      const theirs = await working(it.db, "ins_other", now + 1)
      const asked = [mine.turn, ended.turn, theirs.turn, ...mine.line].map(({ id }) => id)
      expect(await renewLeases(it.db, "ins_new", [...asked, newId("turn")], now + 15_000)).toEqual([mine.turn.id])
      expect(await turnById(it.db, mine.turn.id)).toMatchObject({ lease_expires_at: now + 15_000, generation: 1 })
      expect(await turnById(it.db, theirs.turn.id)).toMatchObject({ lease_expires_at: now + 1 })
      expect(await renewLeases(it.db, "ins_new", [], now)).toEqual([])
    })

    test("what was let go of is not held again by a renewal that was under way", async () => {
      await using it = await open()
      const { turn } = await working(it.db, "ins_leaving", now + 1)
      await releaseLease(it.db, { id: turn.id, generation: 1 })
      expect(await renewLeases(it.db, "ins_leaving", [turn.id], now + 15_000)).toEqual([])
      expect(await takeOver(it.db, request)).toMatchObject([{ id: turn.id, generation: 2 }])
    })

    test("a renewed lease is not taken over", async () => {
      await using it = await open()
      const { turn } = await working(it.db, "ins_busy", now - 1)
      await renewLeases(it.db, "ins_busy", [turn.id], now + 1)
      expect(await takeOver(it.db, request)).toEqual([])
    })

    test("the context of a turn is the complete exchanges before it, oldest first, the newest that fit", async () => {
      await using it = await open()
      const chat = await openChat(it.db)
      const writer = new Writer(it.db, systemClock)
      const exchange = async (
        text: string,
        state: TurnEnd,
        over: Partial<Append> = {},
        said: Partial<NewMessage> = {},
      ) => {
        const question = questionOf(chat, {}, { message: `${text}?`, ...said })
        await writer.append(question)
        const end = endOf(chat, question.new_turn, {
          end_turn: { id: question.new_turn.id, state, error: null },
        })
        const messages = end.messages.map((message) => ({ ...message, message: `${text}!` }))
        await writer.append({ ...end, messages, ...over })
        return { ids: [question.new_turn.message_id, question.new_turn.answer_id], tip: question.new_turn.answer_id }
      }
      const a = await exchange("a", "completed")
      await exchange("b", "interrupted")
      await exchange("c", "waiting_input")
      await exchange("d", "failed")
      const e = await exchange("e", "completed")
      const f = await exchange("f", "completed")
      // The bot said nothing.
      const g = await exchange("g", "completed", {
        ...{ messages: [], events: [{ kind: "end", ref: null, data: {} }], session: {} },
      })
      const h = await exchange("h", "completed")
      await writer.append(appendOf(chat, { delete_messages: [e.ids[0] ?? ""] }))
      await writer.append(appendOf(chat, { delete_messages: [f.ids[1] ?? ""] }))
      const texts = async (tip: string, limit: number) =>
        (await branchBefore(it.db, chat.id, tip, limit)).history.map(({ question, answer }) => [
          question.message,
          answer.message,
        ])
      expect(await texts(h.tip, 10)).toEqual([
        ["a?", "a!"],
        ["c?", "c!"],
        ["h?", "h!"],
      ])
      expect(await texts(h.tip, 2)).toEqual([
        ["c?", "c!"],
        ["h?", "h!"],
      ])
      expect(await texts(g.tip, 10)).toEqual([
        ["a?", "a!"],
        ["c?", "c!"],
      ])
      expect(await branchBefore(it.db, newId("session"), h.tip, 10)).toEqual({ history: [], checkpoint: null })
      // Beside "c", from the answer "a" on.
      const other = await exchange("i", "completed", {}, { reply_to: a.tip })
      expect(await texts(other.tip, 10)).toEqual([
        ["a?", "a!"],
        ["i?", "i!"],
      ])
    })

    test("a turn begins with the last checkpoint that was left before it; a turn that said nothing of it left none", async () => {
      await using it = await open()
      const { chat, writer, turn, line } = await working(it.db, "ins_new", now, 3)
      const before = async (tip: string) => (await branchBefore(it.db, chat.id, tip, 10)).checkpoint
      expect(await before(turn.answer_id)).toBeNull()
      const claim = { instance: "ins_new", lease_expires_at: now }
      const left = (id: string, checkpoint: unknown) => ({ id, state: "completed" as const, error: null, checkpoint })
      await writer.append(endOf(chat, turn, { end_turn: left(turn.id, { step: 2 }), claim }))
      expect(await before(turn.answer_id)).toEqual({ step: 2 })
      const [second, third, fourth] = line
      if (!second || !third || !fourth) throw new Error("no line")
      // The second runs and says nothing of it; the third is taken out of the line.
      const out = { id: third.id, state: "interrupted", error: null } as const
      await writer.append(appendOf(chat, { guard: { queued: third.id }, end_turn: out }))
      await writer.append(endOf(chat, second, { claim }))
      expect(await before(third.answer_id)).toEqual({ step: 2 })
      // Kept while it ran, and not repeated at its end; then taken back.
      const kept = { turn_id: fourth.id, generation: 1, text: "", reasoning: "", checkpoint: ["again"] }
      expect(await writer.checkpoint(kept)).toBe(true)
      expect(await writer.checkpoint({ ...kept, text: "more", checkpoint: undefined })).toBe(true)
      await writer.append(endOf(chat, fourth))
      expect(await before(fourth.answer_id)).toEqual(["again"])
      const last = questionOf(chat)
      await writer.append(last)
      await writer.append(endOf(chat, last.new_turn, { end_turn: left(last.new_turn.id, null) }))
      expect(await before(last.new_turn.answer_id)).toBeNull()
    })

    test("what a graph kept of a chat goes with the chat, and only that", async () => {
      await using it = await open()
      const writer = new Writer(it.db, systemClock)
      const kept = { checkpoint_ns: "", checkpoint_id: "1" }
      const blob = Buffer.from("{}")
      const [gone, stays] = [await openChat(it.db), await openChat(it.db)]
      const threadOf = async (chat: typeof gone) => {
        const question = questionOf(chat)
        await writer.append(question)
        const thread_id = question.new_turn.id
        await it.db.orm.insert(graphCheckpoints).values({
          ...{ thread_id, ...kept, checkpoint_type: "json", checkpoint: blob, metadata_type: "json", metadata: blob },
        })
        await it.db.orm.insert(graphWrites).values({
          ...{ thread_id, ...kept, task_id: "t", idx: 0, channel: "c", value_type: "json", value: blob },
        })
        return thread_id
      }
      await threadOf(gone)
      const thread = await threadOf(stays)
      await writer.append(appendOf(gone, { session: { state: "ended", lifecycle: "ended", deleted_at: time } }))
      for (const table of [graphCheckpoints, graphWrites]) {
        expect((await it.db.orm.select({ id: table.thread_id }).from(table)).map(({ id }) => id)).toEqual([thread])
      }
    })
  })
}
