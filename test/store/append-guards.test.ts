// Guards: what must hold in the moment of the commit. If one does not hold, nothing of the append happens, in any table.

import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import type { Field } from "../../src/protocol/form.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { Append } from "../../src/store/append.ts"
import { Writer } from "../../src/store/writer.ts"
import { everything, openTestDatabase, type TestDatabase } from "../support/database.ts"
import { appendOf, endOf, messageOf, openChat, questionOf, time } from "./appends.ts"

interface Scene extends AsyncDisposable {
  readonly db: TestDatabase
  readonly chat: Session
  /** The append happens, and takes the next places. */
  taken(append: Append): Promise<number[]>
  /** Nothing of the append happens, and the next one leaves no hole. */
  refused(append: Append): Promise<void>
}

async function scene(over: Partial<Session> = {}): Promise<Scene> {
  const db = await openTestDatabase()
  const chat = await openChat(db, over)
  const writer = new Writer(db, systemClock)
  return {
    db,
    chat,
    async taken(append) {
      const { seqs } = await writer.append(append)
      expect(seqs).toHaveLength(append.events.length)
      return [...seqs]
    },
    async refused(append) {
      const before = await everything(db)
      expect(await writer.append(append)).toEqual({ seqs: [] })
      expect(await everything(db)).toEqual(before)
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

/** Everything that an append can do, at once; so a refusal that forgets a table shows. */
function ambitious(chat: Session, guard: Append["guard"]): Append {
  return questionOf(chat, {
    guard,
    new_input: { id: newId("input"), turn_id: newId("turn"), prompt: "Which?", fields: [], expires_at: null },
    session: { state: "completed", lifecycle: "active", topic: "new", logo: "new" },
    claim: { instance: "ins_2", lease_expires_at: 1 },
  })
}

test("without a guard an append to a chat that is there happens; to one that is not, nothing does", async () => {
  await using it = await scene()
  expect(await it.taken(ambitious(it.chat, {}))).toEqual([1])
  await it.refused(ambitious({ ...it.chat, id: newId("session") }, {}))
})

test("[P3.3] once: the same id of the same person in the same chat is refused for ever", async () => {
  await using it = await scene()
  const once = { user_id: 1, client_id: "c-1" }
  await it.taken(questionOf(it.chat, { guard: { once } }, { client_id: "c-1" }))
  await it.refused(ambitious(it.chat, { once }))
  await it.taken(questionOf(it.chat, { guard: { once: { ...once, client_id: "c-2" } } }, { client_id: "c-2" }))
  await it.taken(questionOf(it.chat, { guard: { once: { ...once, user_id: 2 } } }, { client_id: "c-1", user_id: 2 }))
  await it.refused(ambitious(it.chat, { once }))
})

test("[P3.3] once: another chat of the same person may use the same id", async () => {
  await using it = await scene()
  const other = await openChat(it.db)
  const once = { user_id: 1, client_id: "c-1" }
  await it.taken(questionOf(it.chat, { guard: { once } }, { client_id: "c-1" }))
  await it.taken(questionOf(other, { guard: { once } }, { client_id: "c-1" }))
})

test("[P3.3] once: ids are compared as they are, whatever is in them", async () => {
  await using it = await scene()
  const ids = ["1", "01", "1.0", "A", "a", " a", "😀", "'", '"', "%", "null", "\\u0041"]
  for (const client_id of ids) {
    const once = { user_id: 1, client_id }
    await it.taken(questionOf(it.chat, { guard: { once } }, { client_id }))
    await it.refused(ambitious(it.chat, { once }))
  }
})

test("[P3.3] a resend that arrives together with another message of the chat is refused, and only that one", async () => {
  await using it = await scene()
  const writer = new Writer(it.db, systemClock)
  const guard = { once: { user_id: 1, client_id: "c-1" } }
  await writer.append(questionOf(it.chat, { guard }, { client_id: "c-1" }))
  const [resent, other] = [questionOf(it.chat, { guard }, { client_id: "c-1" }), questionOf(it.chat)]
  const outcomes = await Promise.all([resent, other].map((append) => writer.append(append)))
  expect(outcomes).toEqual([
    { seqs: [] },
    { seqs: [2], turn_state: "queued", reply_to: expect.stringMatching(/^msg_/) },
  ])
  const { turns, messages } = await everything(it.db)
  expect(turns).toHaveLength(2)
  expect(messages).toHaveLength(2)
})

test("[P6.6] open: an ended session takes nothing more", async () => {
  await using it = await scene()
  await it.taken(appendOf(it.chat, { guard: { open: true }, session: { state: "ended", lifecycle: "ended" } }))
  await it.refused(ambitious(it.chat, { open: true }))
})

test("[P6.6] `ended` is final: no later append brings the state or the lifecycle back", async () => {
  await using it = await scene()
  await it.taken(appendOf(it.chat, { session: { state: "ended", lifecycle: "ended" } }))
  await it.taken(questionOf(it.chat, { guard: {}, session: { state: "completed", lifecycle: "active" } }))
  const { sessions } = await everything(it.db)
  expect(sessions?.[0]).toMatchObject({ state: "ended", lifecycle: "ended", last_seq: 2 })
})

test("fence: only the holder's own generation of a running turn writes", async () => {
  await using it = await scene()
  const { id: turn_id, answer_id } = await running(it)
  const fence = { turn_id, generation: 1 }
  await it.refused(ambitious(it.chat, { fence: { turn_id, generation: 0 } }))
  await it.refused(ambitious(it.chat, { fence: { turn_id, generation: 2 } }))
  await it.refused(ambitious(it.chat, { fence: { turn_id: newId("turn"), generation: 1 } }))
  await it.taken(appendOf(it.chat, { guard: { fence }, session: { topic: "named by the bot" } }))
  await it.taken(endOf(it.chat, { id: turn_id, answer_id }))
  await it.refused(ambitious(it.chat, { fence }))
  await it.refused(endOf(it.chat, { id: turn_id, answer_id: newId("message") }))
})

test("fence: a turn that waits in line writes nothing", async () => {
  await using it = await scene()
  await running(it)
  const waiting = questionOf(it.chat)
  await it.taken(waiting)
  await it.refused(ambitious(it.chat, { fence: { turn_id: waiting.new_turn.id, generation: 0 } }))
})

test("fence: a turn of one chat opens no other chat", async () => {
  await using it = await scene()
  const { id: turn_id } = await running(it)
  const other = await openChat(it.db)
  await it.refused(ambitious(other, { fence: { turn_id, generation: 1 } }))
})

test("[P6.4] stoppable: an open turn whose stop nobody asked for yet, running or in line, of this chat", async () => {
  await using it = await scene()
  const { id, answer_id } = await running(it)
  const waiting = questionOf(it.chat)
  await it.taken(waiting)
  const other = await openChat(it.db)
  for (const stop_turn of [id, waiting.new_turn.id]) {
    await it.refused(ambitious(other, { stoppable: stop_turn }))
    await it.taken(appendOf(it.chat, { guard: { stoppable: stop_turn }, stop_turn }))
    await it.refused({ ...ambitious(it.chat, { stoppable: stop_turn }), stop_turn })
  }
  const { turns } = await everything(it.db)
  expect(turns?.map(({ stop_requested_at }) => stop_requested_at)).toEqual([time, time])
  await it.taken(endOf(it.chat, { id, answer_id }))
  await it.refused(ambitious(it.chat, { stoppable: id }))
})

test("queued: a turn that waits in line, of this chat", async () => {
  await using it = await scene()
  const { id: first } = await running(it)
  const waiting = questionOf(it.chat)
  await it.taken(waiting)
  const { id } = waiting.new_turn
  const out = appendOf(it.chat, {
    guard: { queued: id },
    end_turn: { id, state: "interrupted", error: null },
  })
  await it.refused(ambitious(it.chat, { queued: first }))
  await it.refused(ambitious(await openChat(it.db), { queued: id }))
  await it.taken(out)
  await it.refused(out)
  const { turns } = await everything(it.db)
  expect(turns?.map(({ state }) => state)).toEqual(["running", "interrupted"])
})

test("[P6.7] question: the first answer wins, in the chat of the question", async () => {
  await using it = await scene()
  const turn = await running(it)
  const input_id = newId("input")
  const fields: Field[] = [{ type: "select", key: "which", required: true, options: [{ value: "a" }, { value: "b" }] }]
  const new_input = { id: input_id, turn_id: turn.id, prompt: "Which?", fields, expires_at: null } as const
  const asks = { end_turn: { id: turn.id, state: "waiting_input", error: null, checkpoint: { at: 1 } } } as const
  await it.taken(endOf(it.chat, turn, { ...asks, new_input, session: { state: "waiting_input" } }))
  await it.refused(ambitious(await openChat(it.db), { question: input_id }))
  await it.refused(ambitious(it.chat, { question: newId("input") }))
  await it.refused(ambitious(it.chat, { question: "" }))
  const answer = questionOf(it.chat, { guard: { question: input_id } })
  await it.taken({ ...answer, answer_input: { id: input_id, message_id: answer.new_turn.message_id } })
  await it.refused(ambitious(it.chat, { question: input_id }))
  const { inputs, sessions } = await everything(it.db)
  expect(inputs).toEqual([
    {
      ...{ id: input_id, session_id: it.chat.id, turn_id: turn.id, prompt: "Which?", fields: JSON.stringify(fields) },
      ...{ answered_by: answer.new_turn.message_id, create_time: time, expires_at: null, closed_at: time },
    },
  ])
  expect(sessions?.find(({ id }) => id === it.chat.id)).toMatchObject({ state: "running" })
})

test("[P6.14] question, expire_input: until its time it can be answered and not closed, from then on closed and not answered", async () => {
  const later = (ms: number) => new Date(Date.parse(time) + ms).toISOString()
  const asked = async (it: Scene) => {
    const turn = await running(it)
    const new_input = { id: newId("input"), turn_id: turn.id, prompt: "Which?", fields: [], expires_at: later(1000) }
    const end_turn = { id: turn.id, state: "waiting_input", error: null } as const
    await it.taken(endOf(it.chat, turn, { end_turn, new_input, session: { state: "waiting_input" } }))
    return new_input.id
  }
  const expiry = (it: Scene, id: string, ms: number) =>
    appendOf(it.chat, { create_time: later(ms), expire_input: id, session: { state: "completed" } })
  const answer = (it: Scene, question: string, ms: number) => ({
    ...ambitious(it.chat, { question }),
    create_time: later(ms),
  })
  const rowOf = async (it: Scene) => (await everything(it.db)).inputs?.[0]
  {
    await using it = await scene()
    const id = await asked(it)
    await it.refused(expiry(it, id, 999))
    await it.refused({ ...expiry(it, id, 1000), session_id: (await openChat(it.db)).id })
    await it.taken(answer(it, id, 999))
  }
  await using it = await scene()
  const id = await asked(it)
  await it.refused(answer(it, id, 1000))
  await it.taken(expiry(it, id, 1000))
  expect(await rowOf(it)).toMatchObject({ closed_at: later(1000), answered_by: null })
  expect((await everything(it.db)).sessions?.[0]).toMatchObject({ state: "completed" })
  await it.refused(expiry(it, id, 1000))
  await it.refused(expiry(it, id, 2000))
})

test("[P6.3] max_open_turns: as many may be open before the append, running and in line together", async () => {
  await using it = await scene()
  await it.taken(questionOf(it.chat, { guard: { max_open_turns: 0 } }))
  await it.refused(ambitious(it.chat, { max_open_turns: 0 }))
  await it.taken(questionOf(it.chat, { guard: { max_open_turns: 1 } }))
  await it.refused(ambitious(it.chat, { max_open_turns: 1 }))
  await it.taken(questionOf(it.chat, { guard: { max_open_turns: 2 } }))
  await it.taken(questionOf(await openChat(it.db), { guard: { max_open_turns: 0 } }))
})

test("[P4.3] delete_messages: at least one of them is there, of this chat, and not deleted yet", async () => {
  await using it = await scene()
  const other = await openChat(it.db)
  const [mine, more, theirs] = [questionOf(it.chat), questionOf(it.chat), questionOf(other)]
  for (const question of [mine, more, theirs]) await it.taken(question)
  const [a, b, c] = [mine, more, theirs].map(({ new_turn }) => new_turn.message_id)
  const remove = (...ids: (string | undefined)[]) => appendOf(it.chat, { delete_messages: ids.map((id) => id ?? "") })
  await it.refused(remove(c, newId("message")))
  await it.refused(remove())
  await it.taken(remove(a))
  await it.refused(remove(a))
  await it.taken(remove(a, b))
})

const editOf = (chat: Session, ref: string, client_id: string, guard: Append["guard"] = {}) =>
  appendOf(chat, { guard, events: [{ kind: "status", ref, data: { changed: ["messages"], client_id } }] })

test("[P3.3] revised_once: an id under which something was changed is taken in this chat, whatever it changed", async () => {
  await using it = await scene()
  const guard = { revised_once: "e-1" }
  const other = await openChat(it.db)
  await it.taken(editOf(it.chat, "msg_1", "e-1", guard))
  await it.refused(ambitious(it.chat, guard))
  await it.refused(editOf(it.chat, "msg_2", "e-1", guard))
  await it.taken(editOf(it.chat, "msg_1", "e-2", { revised_once: "e-2" }))
  await it.taken(editOf(other, "msg_1", "e-1", guard))
  // A message may have the same id.
  await it.taken(questionOf(it.chat, { guard: { once: { user_id: 1, client_id: "e-1" } } }, { client_id: "e-1" }))
})

test("[P6.10] untouched: what was changed about this message after that place refuses, nothing else does", async () => {
  await using it = await scene()
  const question = questionOf(it.chat)
  const [seq = 0] = await it.taken(question)
  const ref = question.new_turn.message_id
  const [first = 0] = await it.taken(editOf(it.chat, ref, "e-1", { untouched: { ref, since: seq } }))
  await it.refused(ambitious(it.chat, { untouched: { ref, since: seq } }))
  await it.taken(editOf(it.chat, "msg_1", "e-2", { untouched: { ref: "msg_1", since: 0 } }))
  await it.taken(editOf(it.chat, ref, "e-3", { untouched: { ref, since: first } }))
})

test("guards hold together: one that does not is enough", async () => {
  await using it = await scene()
  const { id } = await running(it)
  const holds = { open: true, stoppable: id, max_open_turns: 5, once: { user_id: 1, client_id: "new" } } as const
  await it.refused(ambitious(it.chat, { ...holds, max_open_turns: 0 }))
  await it.refused(ambitious(it.chat, { ...holds, stoppable: newId("turn") }))
  await it.refused(ambitious(it.chat, { ...holds, queued: id }))
  await it.taken(appendOf(it.chat, { guard: holds }))
})

test("a deleted session takes nothing but the end of its running turn", async () => {
  await using it = await scene()
  const turn = await running(it)
  await it.taken(appendOf(it.chat, { session: { deleted_at: time, state: "ended", lifecycle: "ended" } }))
  const fence = { turn_id: turn.id, generation: 1 }
  await it.refused(ambitious(it.chat, {}))
  await it.refused(appendOf(it.chat, { session: { deleted_at: time } }))
  await it.refused(ambitious(it.chat, { stoppable: turn.id }))
  await it.refused(appendOf(it.chat, { guard: { fence }, session: { topic: "too late" } }))
  await it.taken(endOf(it.chat, turn))
  await it.refused(endOf(it.chat, turn, { messages: [messageOf(it.chat)] }))
})

/** A question whose turn is running. */
async function running(it: Scene) {
  const question = questionOf(it.chat)
  await it.taken(question)
  return question.new_turn
}
