// What turns know of those before them, for every kind of database.
import { describe, expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import type { TurnEnd } from "../../src/protocol/turn.ts"
import type { Append, NewMessage } from "../../src/store/append.ts"
import { branchBefore } from "../../src/store/branch.ts"
import { graphCheckpoints, graphWrites } from "../../src/store/graph-schema.ts"
import { Writer } from "../../src/store/writer.ts"
import type { Opened } from "./append-property.ts"
import { appendOf, endOf, openChat, questionOf, time, working } from "./appends.ts"

export function registerTurnVerbs(kind: string, open: () => Promise<Opened>): void {
  describe(kind, () => {
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
      const { chat, writer, turn, line } = await working(it.db, "ins_new", 3)
      const before = async (tip: string) => (await branchBefore(it.db, chat.id, tip, 10)).checkpoint
      expect(await before(turn.answer_id)).toBeNull()
      const claim = { instance: "ins_new", lease_expires_at: null }
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
