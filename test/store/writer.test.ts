// Group commit: what shares a commit, in which order, and who hears of a failure.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { ChatError } from "../../src/errors.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { Append } from "../../src/store/append.ts"
import type { Appended } from "../../src/store/appended.ts"
import { Writer } from "../../src/store/writer.ts"
import { everything, openTestDatabase, watched } from "../support/database.ts"
import { appendOf, messageOf, openChat, questionOf, time } from "./appends.ts"

async function scene() {
  const files = await openTestDatabase()
  const db = watched(files)
  return { db, writer: new Writer(db, systemClock), [Symbol.asyncDispose]: () => files[Symbol.asyncDispose]() }
}

const chats = (db: Parameters<typeof openChat>[0], count: number) =>
  Promise.all(Array.from({ length: count }, () => openChat(db)))

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "fulfilled",
    (error: unknown) => (error instanceof ChatError ? error.code : error),
  )

test("what comes in during one turn of the loop, of different chats, shares one batch", async () => {
  await using it = await scene()
  const sessions = await chats(it.db, 40)
  const appended = await Promise.all(sessions.map((session) => it.writer.append(appendOf(session))))
  expect(appended).toEqual(sessions.map(() => ({ seqs: [1] })))
  expect(it.db.batches).toHaveLength(1)
})

test("one batch is in flight; what arrives meanwhile goes into the next", async () => {
  await using it = await scene()
  const [first, ...others] = await chats(it.db, 9)
  if (!first) throw new Error("no chat")
  const go = it.db.hold()
  const waiting = [it.writer.append(appendOf(first))]
  await it.db.held()
  for (const session of others) waiting.push(it.writer.append(appendOf(session)))
  // Everything that could start would have started by now.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(it.db.batches).toHaveLength(1)
  go()
  await Promise.all(waiting)
  expect(it.db.batches).toHaveLength(2)
})

test("a batch has one statement for each table it changes, however many appends it holds", async () => {
  await using it = await scene()
  const sessions = await chats(it.db, 25)
  await Promise.all(sessions.map((session) => it.writer.append(questionOf(session))))
  // events, messages, turns, sessions
  expect(it.db.batches.map((statements) => statements.length)).toEqual([4])
})

test("[P4.1] the appends of one chat keep their order and leave no hole, sixteen in a batch", async () => {
  await using it = await scene()
  const [chat, other] = await chats(it.db, 2)
  if (!chat || !other) throw new Error("no chat")
  const texts = Array.from({ length: 20 }, (_, place) => `text ${place}`)
  const appended = await Promise.all([
    ...texts.map((message) => it.writer.append(questionOf(chat, {}, { message }))),
    it.writer.append(appendOf(other)),
  ])
  expect(appended.map(({ seqs }) => seqs[0])).toEqual([...texts.keys().map((place) => place + 1), 1])
  expect(it.db.batches).toHaveLength(2)
  const { messages } = await everything(it.db)
  const stored = messages?.toSorted((a, b) => Number(a.seq) - Number(b.seq)).map(({ message }) => message)
  expect(stored).toEqual(texts)
})

/** As a text of a person is asked for. */
function plain(session: Session, client_id: string, max_open_turns = 100, create_time = time) {
  const guard = { open: true, once: { user_id: 1, client_id }, max_open_turns } as const
  const asked = questionOf(session, { guard, create_time, plain: true }, { client_id, create_time })
  return { ...asked, session: { lifecycle: "active", head: asked.new_turn.message_id } } satisfies Append
}

test("[P4.1] [P6.12] questions of a chat that come at once are one change, and each is kept as if it had come alone", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  const at = ["2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00.002Z", "2026-01-01T00:00:00.003Z"]
  const asked = at.map((create_time, place) => plain(chat, `c${place}`, 100, create_time))
  const appended = await Promise.all(asked.map((question) => it.writer.append(question)))
  const [first, second, third] = asked.map(({ new_turn }) => new_turn)
  expect(appended).toEqual([
    { seqs: [1], turn_state: "running", reply_to: null },
    { seqs: [2], turn_state: "queued", reply_to: first?.answer_id ?? "" },
    { seqs: [3], turn_state: "queued", reply_to: second?.answer_id ?? "" },
  ])
  // The first event, the others, messages, turns, and the session once.
  expect(it.db.batches.map((statements) => statements.length)).toEqual([5])
  const { events, turns, sessions } = await everything(it.db)
  expect(events?.map(({ seq, create_time }) => [seq, create_time])).toEqual(at.map((time, place) => [place + 1, time]))
  expect(turns?.map(({ seq, state, generation }) => [seq, state, generation])).toEqual([
    [1, "running", 1],
    [2, "queued", 0],
    [3, "queued", 0],
  ])
  expect(sessions).toMatchObject([
    { last_seq: 3, head: third?.message_id, update_time: at[2], state: "running", lifecycle: "active" },
  ])
})

test("[P3.3] a question that was asked before is refused alone, also when it comes with others", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  await it.writer.append(plain(chat, "known"))
  const ids = ["a", "known", "b", "a", "c"]
  const after = it.writer.append(appendOf(chat))
  const appended = await Promise.all(ids.map((id) => it.writer.append(plain(chat, id))))
  expect(appended.map(({ seqs }) => seqs)).toEqual([[3], [], [4], [], [5]])
  expect((await after).seqs).toEqual([2])
  const { messages } = await everything(it.db)
  expect(messages?.map(({ client_id, seq }) => [client_id, seq])).toEqual([
    ["known", 1],
    ["a", 3],
    ["b", 4],
    ["c", 5],
  ])
})

test("[P2.4] of a chat's appends each hears of its own after those before it, also when one of those behind breaks a rule", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  const known = plain(chat, "known")
  await it.writer.append(known)
  const { message_id: id } = known.new_turn
  const broken: Append = {
    ...plain(chat, "other"),
    messages: [messageOf(chat, { id })],
    events: [{ kind: "message", ref: id, data: null }],
  }
  const asked = [appendOf(chat), plain(chat, "a"), plain(chat, "known"), broken, plain(chat, "b")]
  const told: unknown[] = []
  const note = (append: Append) =>
    it.writer.append(append).then(
      ({ seqs }) => told.push(seqs),
      (error: unknown) => told.push(error instanceof ChatError && error.code),
    )
  await Promise.all(asked.map(note))
  expect(told).toEqual([[2], [3], [], "internal", [4]])
})

test("[P6.3] of questions that come at once as many are taken as may wait, in order, before what came after them", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  const asking = ["a", "b", "c", "d", "e"].map((id) => it.writer.append(plain(chat, id, 2)))
  const after = it.writer.append(appendOf(chat))
  expect((await Promise.all(asking)).map(({ seqs }) => seqs)).toEqual([[1], [2], [3], [], []])
  expect((await after).seqs).toEqual([4])
})

test("an append that is made of what came of those before waits for their commit; those that are not share its batch", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  const known: number[][] = []
  const seqs: number[] = []
  const note = ({ seqs: [seq = 0] }: Appended) => void seqs.push(seq)
  const informed = () => {
    known.push([...seqs])
    return appendOf(chat)
  }
  await Promise.all([
    it.writer.append(appendOf(chat)).then(note),
    it.writer.append(appendOf(chat)).then(note),
    it.writer.appendPlanned(chat.id, informed).then(note),
    it.writer.append(appendOf(chat)).then(note),
    it.writer.appendPlanned(chat.id, informed).then(note),
  ])
  expect(known).toEqual([
    [1, 2],
    [1, 2, 3, 4],
  ])
  expect(it.db.batches).toHaveLength(3)
})

test("an append that is made of what came of those before waits until that is known, also when many others wait with it", async () => {
  await using it = await scene()
  // Three batches: the second and the third are full, and the third is made while the second is under way.
  const [chat, ...others] = await chats(it.db, 1535)
  if (!chat) throw new Error("no chat")
  const known: number[] = []
  const informed: number[][] = []
  await Promise.all([
    it.writer.append(appendOf(chat)).then(({ seqs }) => known.push(...seqs)),
    it.writer.appendPlanned(chat.id, () => {
      informed.push([...known])
      return appendOf(chat)
    }),
    ...others.map((other) => it.writer.append(appendOf(other))),
  ])
  expect(informed).toEqual([[1]])
})

test("[P3.3] [P6.3] what is appended to a chat in one batch meets what was appended before it in the same", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  const asked = (client_id: string) => {
    const guard = { once: { user_id: chat.user_id, client_id }, max_open_turns: 1 }
    return it.writer.append(questionOf(chat, { guard }, { client_id }))
  }
  const appended = await Promise.all(["a", "a", "b", "c"].map(asked))
  expect(it.db.batches).toHaveLength(1)
  // The same once more; the first runs, one may wait, and the last finds no room.
  expect(appended.map(({ seqs, turn_state }) => [seqs, turn_state])).toEqual([
    [[1], "running"],
    [[], undefined],
    [[2], "queued"],
    [[], undefined],
  ])
})

test("an append whose plan cannot be made fails alone; the chat's others, and those of other chats, are committed", async () => {
  await using it = await scene()
  const [chat, other] = await chats(it.db, 2)
  if (!chat || !other) throw new Error("no chat")
  const impossible = () => {
    throw new Error("there is no plan")
  }
  const outcomes = await Promise.allSettled([
    it.writer.append(appendOf(chat)),
    it.writer.appendPlanned(chat.id, impossible, { informed: false }),
    it.writer.append(appendOf(chat)),
    it.writer.append(appendOf(other)),
  ])
  expect(outcomes.map((one) => (one.status === "fulfilled" ? one.value.seqs : String(one.reason)))).toEqual([
    [1],
    "Error: there is no plan",
    [2],
    [1],
  ])
  // The writer goes on.
  expect(await it.writer.append(appendOf(chat))).toEqual({ seqs: [3] })
})

test("a busy chat does not hold up the others: each chat has its first append in the next batch", async () => {
  await using it = await scene()
  const [busy, ...others] = await chats(it.db, 4)
  if (!busy) throw new Error("no chat")
  const done: string[] = []
  const append = (session: typeof busy) => it.writer.append(appendOf(session)).then(() => done.push(session.id))
  await Promise.all([...Array.from({ length: 20 }, () => append(busy)), ...others.map(append)])
  expect(new Set(done.slice(0, 4))).toEqual(new Set([busy, ...others].map(({ id }) => id)))
})

test("a batch takes at most 512 appends, and the next one takes the rest", async () => {
  await using it = await scene()
  const sessions = await chats(it.db, 600)
  await Promise.all(sessions.map((session) => it.writer.append(appendOf(session))))
  expect(it.db.batches).toHaveLength(2)
})

test("a batch holds about a million characters at most: a libSQL server takes no value above 5 MB", async () => {
  await using it = await scene()
  const sessions = await chats(it.db, 6)
  const message = "x".repeat(400_000)
  await Promise.all(sessions.map((session) => it.writer.append(questionOf(session, {}, { message }))))
  expect(it.db.batches).toHaveLength(3)
})

test("an append that is larger than a batch goes alone", async () => {
  await using it = await scene()
  const [big, small] = await chats(it.db, 2)
  if (!big || !small) throw new Error("no chat")
  const parts = [{ type: "reasoning" as const, text: "x".repeat(1_500_000) }]
  const appended = await Promise.all([
    it.writer.append(questionOf(big, {}, { parts })),
    it.writer.append(questionOf(small)),
  ])
  expect(appended.map(({ seqs }) => seqs)).toEqual([[1], [1]])
  expect(it.db.batches).toHaveLength(2)
})

test("an append that breaks a rule of the tables fails alone, with `internal`; the others of its batch are committed", async () => {
  await using it = await scene()
  const sessions = await chats(it.db, 5)
  const [first, second, third, fourth] = sessions
  if (!first || !second || !third || !fourth) throw new Error("no chat")
  const taken = messageOf(first)
  const events = [{ kind: "message" as const, ref: taken.id, data: null }]
  await it.writer.append(appendOf(first, { messages: [taken], events }))
  const before = await everything(it.db)
  const twice = questionOf(second, { messages: [{ ...taken, session_id: second.id }], events })
  const outcomes = await Promise.all(
    [appendOf(first), twice, questionOf(third), appendOf(fourth)].map((append) => codeOf(it.writer.append(append))),
  )
  expect(outcomes).toEqual(["fulfilled", "internal", "fulfilled", "fulfilled"])
  const after = await everything(it.db)
  const of = (rows: Record<string, unknown>[] | undefined, id: string) =>
    rows?.filter((row) => row.session_id === id || row.id === id)
  for (const table of Object.keys(after))
    expect(of(after[table], second.id)).toEqual(of(before[table], second.id) ?? [])
  // No hole is left where the refused one would have been.
  expect(await it.writer.append(appendOf(second))).toEqual({ seqs: [1] })
})

test("an append that cannot be written as JSON fails alone, with `internal`, and the writer goes on", async () => {
  await using it = await scene()
  const [first, second, third] = await chats(it.db, 3)
  if (!first || !second || !third) throw new Error("no chat")
  const circle: Record<string, unknown> = {}
  circle.circle = circle
  const broken = appendOf(second, { events: [{ kind: "status", ref: null, data: circle }] })
  const outcomes = [appendOf(first), broken, appendOf(third)].map((append) => codeOf(it.writer.append(append)))
  expect(await Promise.all(outcomes)).toEqual(["fulfilled", "internal", "fulfilled"])
  expect(await codeOf(it.writer.append(broken))).toBe("internal")
  const checkpoint = { turn_id: "t", generation: 1, text: "", reasoning: "", checkpoint: circle }
  expect(await codeOf(it.writer.checkpoint(checkpoint))).toBe("internal")
  expect(await it.writer.append(appendOf(second))).toEqual({ seqs: [1] })
})

test.each([
  [1023, 512],
  [1024, 1024],
])(
  "of %d that come at once %d are planned before the first batch is answered: a full batch is made meanwhile, for others more may come",
  async (count, soon) => {
    await using it = await scene()
    const go = it.db.hold()
    const sessions = await chats(it.db, count)
    let planned = 0
    const plan = (session: Session) => () => {
      planned += 1
      return appendOf(session)
    }
    const all = sessions.map((session) => it.writer.appendPlanned(session.id, plan(session), { informed: false }))
    await it.db.held()
    await new Promise((resolve) => setImmediate(resolve))
    expect(planned).toBe(soon)
    go()
    expect(await Promise.all(all)).toEqual(sessions.map(() => ({ seqs: [1] })))
    expect(it.db.batches).toHaveLength(2)
  },
)

test("an append that breaks a rule fails with `internal` also when it is alone: trying again would not help", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  const question = questionOf(chat)
  await it.writer.append(question)
  const again = { ...question, guard: {} }
  expect(await codeOf(it.writer.append(again))).toBe("internal")
})

test("what a plug-in says is kept whole: a lone surrogate or U+0000 in it harms neither the row nor the process", async () => {
  await using it = await scene()
  const [chat] = await chats(it.db, 1)
  if (!chat) throw new Error("no chat")
  const odd = "a\ud83db\0c 😀"
  const data = { topic: odd }
  await it.writer.append(
    appendOf(chat, { session: { topic: odd }, events: [{ kind: "status", ref: null, data }], trace_id: odd }),
  )
  const { sessions, events } = await everything(it.db)
  expect(sessions?.[0]?.topic).toBe("a\ufffdb\ufffdc 😀")
  expect(events?.[0]).toMatchObject({ trace_id: "a\ufffdb\ufffdc 😀", data: '{"topic":"a\ufffdb\ufffdc 😀"}' })
})
