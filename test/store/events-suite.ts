// The log read back, and the changes of a session outside it, for every kind of database.
import { describe, expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import { eventsSince, loadChat, messageByClientId, sessionByKey, snapshotOf } from "../../src/store/events.ts"
import {
  deletableMessages,
  insertSessions,
  moveLifecycles,
  pauseAll,
  sessionByName,
} from "../../src/store/session-changes.ts"
import { Writer } from "../../src/store/writer.ts"
import type { Opened } from "./append-property.ts"
import { appendOf, endOf, messageOf, openChat, questionOf, time } from "./appends.ts"

export function registerEventVerbs(kind: string, open: () => Promise<Opened>): void {
  describe(kind, () => {
    test("[P5.3] the events after a cursor come in order, with the bodies of messages, a page at a time", async () => {
      await using it = await open()
      const [chat, other] = [await openChat(it.db), await openChat(it.db)]
      const writer = new Writer(it.db, systemClock)
      const question = questionOf(chat, {}, { message: "How?", client_id: "c-1" })
      await writer.append(question)
      await writer.append(questionOf(other))
      await writer.append(endOf(chat, question.new_turn))
      await writer.append(appendOf(chat, { events: [{ kind: "status", ref: null, data: { changed: ["topic"] } }] }))
      const all = await eventsSince(it.db, chat.id, 0, 10)
      expect(all.map(({ event, message }) => [event.seq, event.kind, message?.message ?? null])).toEqual([
        [1, "message", "How?"],
        [2, "result", "answer"],
        [3, "end", null],
        [4, "status", null],
      ])
      const { follows: _, ...said } = question.messages[0] ?? {}
      expect(all[0]?.message).toEqual<unknown>({ ...said, seq: 1 })
      expect(all[2]?.event).toEqual({
        ...{ session_id: chat.id, seq: 3, kind: "end", ref: question.new_turn.id, trace_id: "trace-1" },
        ...{ data: { turn_id: question.new_turn.id, state: "completed" }, create_time: time },
      })
      const seqs = async (cursor: number, limit: number) =>
        (await eventsSince(it.db, chat.id, cursor, limit)).map(({ event }) => event.seq)
      expect(await seqs(1, 2)).toEqual([2, 3])
      expect(await seqs(4, 10)).toEqual([])
      expect(await seqs(99, 10)).toEqual([])
    })

    test("a chat comes into memory with its open turns in order and its open question", async () => {
      await using it = await open()
      const chat = await openChat(it.db)
      const writer = new Writer(it.db, systemClock)
      const questions = [questionOf(chat), questionOf(chat), questionOf(chat)]
      for (const question of questions) await writer.append(question)
      const [first, ...waiting] = questions.map(({ new_turn }) => new_turn)
      if (!first) throw new Error("no turn")
      const input_id = newId("input")
      const claim = { instance: "ins_2", lease_expires_at: 5 }
      const new_input = { id: input_id, turn_id: first.id, prompt: "Which?", fields: [], expires_at: null }
      await writer.append(endOf(chat, first, { claim, new_input }))
      const loaded = await loadChat(it.db, chat.id)
      expect(loaded?.session).toEqual({ ...chat, state: "running", head: first.answer_id, last_seq: 5 })
      expect(loaded?.turns.map(({ id, state }) => [id, state])).toEqual([
        [waiting[0]?.id ?? "", "running"],
        [waiting[1]?.id ?? "", "queued"],
      ])
      expect(loaded?.question).toMatchObject({ id: input_id, prompt: "Which?", fields: [] })
      await writer.append(appendOf(chat, { answer_input: { id: input_id, message_id: newId("message") } }))
      expect((await loadChat(it.db, chat.id))?.question).toBeNull()
      expect(await loadChat(it.db, newId("session"))).toBeUndefined()
    })

    test("[P6.7] the bot's last question is the open one; answered, it uncovers none that was passed over", async () => {
      await using it = await open()
      const chat = await openChat(it.db)
      const writer = new Writer(it.db, systemClock)
      const ask = async (minute: number) => {
        const id = newId("input")
        const create_time = `2026-01-01T00:0${minute}:00.000Z`
        const new_input = { id, turn_id: newId("turn"), prompt: "Which?", fields: [], expires_at: null }
        await writer.append(appendOf(chat, { new_input, create_time }))
        return id
      }
      const openQuestion = async () => (await loadChat(it.db, chat.id))?.question?.id
      expect(await openQuestion()).toBeUndefined()
      const first = await ask(1)
      expect(await openQuestion()).toBe(first)
      const second = await ask(2)
      expect(await openQuestion()).toBe(second)
      await writer.append(appendOf(chat, { answer_input: { id: second, message_id: newId("message") } }))
      expect(await openQuestion()).toBeUndefined()
    })

    test("[P5.4] a snapshot is the newest messages that were not deleted, oldest first, and their place in the log", async () => {
      await using it = await open()
      const chat = await openChat(it.db)
      const writer = new Writer(it.db, systemClock)
      const said = []
      for (const text of ["a", "b", "c", "d"]) {
        const message = messageOf(chat, { message: text })
        said.push(message)
        await writer.append(
          appendOf(chat, {
            messages: [message],
            events: [
              { kind: "message", ref: message.id, data: null },
              { kind: "status", ref: null, data: {} },
            ],
          }),
        )
      }
      await writer.append(appendOf(chat, { delete_messages: [said[2]?.id ?? ""] }))
      const snapshot = await snapshotOf(it.db, chat.id, 2)
      expect(snapshot.last_seq).toBe(9)
      expect(snapshot.messages.map(({ message, seq }) => [message, seq])).toEqual([
        ["b", 3],
        ["d", 7],
      ])
      expect(await snapshotOf(it.db, newId("session"), 2)).toEqual({ last_seq: 0, messages: [] })
    })

    test("[P3.3] a message is found by the id that its person gave it in this chat", async () => {
      await using it = await open()
      const chat = await openChat(it.db)
      const writer = new Writer(it.db, systemClock)
      await writer.append(questionOf(chat, {}, { client_id: "c-1", message: "mine" }))
      const key = { session_id: chat.id, user_id: 1, client_id: "c-1" }
      expect(await messageByClientId(it.db, key)).toMatchObject({ message: "mine", seq: 1 })
      for (const over of [{ session_id: newId("session") }, { user_id: 2 }, { client_id: "c-2" }])
        expect(await messageByClientId(it.db, { ...key, ...over })).toBeUndefined()
    })

    test("[P1.3] a name is its owner's own: two people may use it, one person once, even after deleting the chat", async () => {
      await using it = await open()
      const chat = await openChat(it.db, { chat_id: "mine" })
      const again = { ...chat, id: newId("session") }
      expect(await insertSessions(it.db, [again])).toEqual([false])
      expect(await insertSessions(it.db, [{ ...again, user_id: 2 }])).toEqual([true])
      const writer = new Writer(it.db, systemClock)
      await writer.append(appendOf(chat, { session: { deleted_at: time, state: "ended", lifecycle: "ended" } }))
      expect(await insertSessions(it.db, [again])).toEqual([false])
      expect(await sessionByName(it.db, 1, "mine")).toMatchObject({ id: chat.id, deleted_at: time })
      expect(await sessionByName(it.db, 2, "mine")).toMatchObject({ id: again.id, deleted_at: null })
      expect(await sessionByName(it.db, 3, "mine")).toBeUndefined()
    })

    test("two devices that make the same chat at once make one", async () => {
      await using it = await open()
      const chat = await openChat(it.db, { chat_id: "first" })
      const both = [newId("session"), newId("session"), newId("session")].map((id) => ({
        ...chat,
        id,
        chat_id: "second",
      }))
      const made = (await Promise.all(both.map((session) => insertSessions(it.db, [session])))).flat()
      expect(made.filter(Boolean)).toHaveLength(1)
      expect((await sessionByName(it.db, 1, "second"))?.id).toBe(both[made.indexOf(true)]?.id ?? "")
    })

    test("the lifecycle moves only from where it was said to be", async () => {
      await using it = await open()
      const { id } = await openChat(it.db)
      expect(await moveLifecycles(it.db, [id], ["active"], "paused")).toEqual([false])
      expect(await moveLifecycles(it.db, [id], ["created", "paused"], "active")).toEqual([true])
      expect(await moveLifecycles(it.db, [id], ["created", "paused"], "active")).toEqual([false])
      expect(await sessionByKey(it.db, id)).toMatchObject({ lifecycle: "active" })
      expect(await moveLifecycles(it.db, [newId("session")], ["created"], "active")).toEqual([false])
    })

    test("chats that nobody is in any more are paused: the named ones, or all; only those that were active", async () => {
      await using it = await open()
      const lifecycles = ["active", "active", "active", "created", "ended"] as const
      const chats = await Promise.all(lifecycles.map((lifecycle) => openChat(it.db, { lifecycle })))
      const now = async () => Promise.all(chats.map(async ({ id }) => (await sessionByKey(it.db, id))?.lifecycle))
      await pauseAll(it.db, [])
      expect(await now()).toEqual([...lifecycles])
      await pauseAll(it.db, [chats[0]?.id ?? "", chats[3]?.id ?? "", newId("session")])
      expect(await now()).toEqual(["paused", "active", "active", "created", "ended"])
      await pauseAll(it.db, "all")
      expect(await now()).toEqual(["paused", "paused", "paused", "created", "ended"])
    })

    test("of the messages that are to be deleted, those of the chat that are not deleted yet are found", async () => {
      await using it = await open()
      const [chat, other] = [await openChat(it.db), await openChat(it.db)]
      const writer = new Writer(it.db, systemClock)
      const [mine, deleted, theirs] = [questionOf(chat), questionOf(chat), questionOf(other)]
      for (const question of [mine, deleted, theirs]) await writer.append(question)
      const ids = [mine, deleted, theirs].map(({ new_turn }) => new_turn.message_id)
      await writer.append(appendOf(chat, { delete_messages: [deleted.new_turn.message_id] }))
      expect(await deletableMessages(it.db, chat.id, [...ids, newId("message")])).toEqual([mine.new_turn.message_id])
      expect(await deletableMessages(it.db, chat.id, [])).toEqual([])
    })
  })
}
