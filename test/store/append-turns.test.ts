// Turns in appends: who runs, who waits, who is next; and what the session's state is meanwhile.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { Append } from "../../src/store/append.ts"
import { messages as messageRows, turns } from "../../src/store/schema.ts"
import { turnById } from "../../src/store/turns.ts"
import { Writer } from "../../src/store/writer.ts"
import { everything, openTestDatabase, type TestDatabase } from "../support/database.ts"
import { appendOf, endOf, lease, messageOf, openChat, questionOf, time } from "./appends.ts"

interface Scene extends AsyncDisposable {
  readonly db: TestDatabase
  readonly chat: Session
  readonly writer: Writer
  /** Says something; gives the turn. */
  ask(): Promise<{ id: string; answer_id: string; state: string | undefined }>
  stateOf(): Promise<unknown>
}

async function scene(): Promise<Scene> {
  const db = await openTestDatabase()
  const chat = await openChat(db)
  const writer = new Writer(db, systemClock)
  return {
    db,
    chat,
    writer,
    async ask() {
      const question = questionOf(chat)
      const { turn_state } = await writer.append(question)
      return { ...question.new_turn, state: turn_state }
    },
    stateOf: async () => (await everything(db)).sessions?.[0]?.state,
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

const claim = { instance: "ins_2", lease_expires_at: 30_000 }
const later = "2026-01-01T00:01:00.000Z"

test("[P6.3] the new turn of an idle chat is running at once, under the lease that came with it", async () => {
  await using it = await scene()
  const { id, state } = await it.ask()
  expect(state).toBe("running")
  expect(await turnById(it.db, id)).toMatchObject({
    ...{ state: "running", generation: 1, attempts: 1, start_time: time, seq: 1, language: "en", trace_id: "trace-1" },
    ...lease,
  })
  expect(await it.stateOf()).toBe("running")
})

test("[P6.3] the new turn of a chat that works waits in line, under nobody's lease", async () => {
  await using it = await scene()
  await it.ask()
  const { id, state } = await it.ask()
  expect(state).toBe("queued")
  expect(await turnById(it.db, id)).toMatchObject({
    ...{
      state: "queued",
      generation: 0,
      attempts: 0,
      instance: null,
      lease_expires_at: null,
      start_time: null,
      seq: 2,
    },
  })
})

test("[P6.3] a chat whose turn ended without a claim has somebody in line: a new turn waits behind", async () => {
  await using it = await scene()
  const first = await it.ask()
  await it.ask()
  expect(await it.writer.append(endOf(it.chat, first))).toEqual({ seqs: [3, 4] })
  expect((await it.ask()).state).toBe("queued")
})

test("[P6.3] claim takes the next in line, once, in the order of the questions", async () => {
  await using it = await scene()
  const line = [await it.ask(), await it.ask(), await it.ask()]
  const claimed = []
  for (const turn of line) claimed.push((await it.writer.append(endOf(it.chat, turn, { claim }))).claimed)
  expect(claimed).toEqual([line[1]?.id, line[2]?.id, undefined])
  expect((await it.ask()).state).toBe("running")
})

test("a claim without an end takes nobody while a turn runs", async () => {
  await using it = await scene()
  await it.ask()
  await it.ask()
  expect(await it.writer.append(appendOf(it.chat, { claim }))).toEqual({ seqs: [3] })
})

test("a claimed turn runs under the new lease, one generation and one attempt further", async () => {
  await using it = await scene()
  const [first, second] = [await it.ask(), await it.ask()]
  await it.writer.append(endOf(it.chat, first, { claim, create_time: later }))
  expect(await turnById(it.db, second.id)).toMatchObject({
    ...{ state: "running", generation: 1, attempts: 1, start_time: later, ...claim },
  })
})

test("one that left the line is passed over by the claim", async () => {
  await using it = await scene()
  const [first, second, third] = [await it.ask(), await it.ask(), await it.ask()]
  const out = { id: second.id, state: "interrupted", error: null } as const
  await it.writer.append(appendOf(it.chat, { guard: { queued: second.id }, end_turn: out }))
  const { claimed } = await it.writer.append(endOf(it.chat, first, { claim }))
  expect(claimed).toBe(third.id)
})

test("the end of a turn keeps its state, error and checkpoint, and drops what was streamed", async () => {
  await using it = await scene()
  const turn = await it.ask()
  await it.writer.checkpoint({
    turn_id: turn.id,
    generation: 1,
    text: "so far",
    reasoning: "hm",
    checkpoint: { at: 1 },
  })
  expect(await turnById(it.db, turn.id)).toMatchObject({ partial_text: "so far", partial_reasoning: "hm" })
  const error = { code: "model_failed", params: { status: 500 } }
  const end_turn = { id: turn.id, state: "failed", error, checkpoint: { at: 2 } } as const
  await it.writer.append(endOf(it.chat, turn, { end_turn, session: { state: "interrupted" } }))
  expect(await turnById(it.db, turn.id)).toMatchObject({
    ...{ state: "failed", error, checkpoint: { at: 2 }, partial_text: "", partial_reasoning: "", end_time: time },
  })
})

test("a session is running for as long as one of its turns is, whatever ended just now", async () => {
  await using it = await scene()
  const [first, second] = [await it.ask(), await it.ask()]
  await it.writer.append(endOf(it.chat, first, { claim }))
  expect(await it.stateOf()).toBe("running")
  await it.writer.append(appendOf(it.chat, { session: { state: "completed" } }))
  expect(await it.stateOf()).toBe("running")
  await it.writer.append(endOf(it.chat, second, { session: { state: "interrupted" } }))
  expect(await it.stateOf()).toBe("interrupted")
})

test("[P6.6] an ended session stays ended while its turns come to their end", async () => {
  await using it = await scene()
  const [first, second] = [await it.ask(), await it.ask()]
  await it.writer.append(appendOf(it.chat, { session: { state: "ended", lifecycle: "ended" } }))
  for (const turn of [first, second]) {
    expect((await it.writer.append(endOf(it.chat, turn, { claim }))).seqs).not.toEqual([])
    expect(await it.stateOf()).toBe("ended")
  }
})

test("topic and logo are set, taken away by null, and left alone when nothing is said of them", async () => {
  await using it = await scene()
  const shown = async (session: NonNullable<Append["session"]>) => {
    await it.writer.append(appendOf(it.chat, { session }))
    const { topic, logo } = (await everything(it.db)).sessions?.[0] ?? {}
    return [topic, logo]
  }
  expect(await shown({ topic: "a", logo: "b" })).toEqual(["a", "b"])
  expect(await shown({ logo: "c" })).toEqual(["a", "c"])
  expect(await shown({ topic: null })).toEqual([null, "c"])
  expect(await shown({ topic: "" })).toEqual(["", "c"])
})

test("[P4.3] deleting messages marks those of this chat, once, and keeps their places", async () => {
  await using it = await scene()
  const other = await openChat(it.db)
  const [mine, theirs] = [messageOf(it.chat), messageOf(other)]
  for (const [chat, message] of [
    [it.chat, mine],
    [other, theirs],
  ] as const) {
    const events = [{ kind: "message" as const, ref: message.id, data: null }]
    await it.writer.append(appendOf(chat, { messages: [message], events }))
  }
  const delete_messages = [mine.id, theirs.id, newId("message")]
  await it.writer.append(appendOf(it.chat, { delete_messages }))
  const more = questionOf(it.chat)
  await it.writer.append(more)
  const again = [...delete_messages, more.new_turn.message_id]
  await it.writer.append(appendOf(it.chat, { delete_messages: again, create_time: later }))
  const { messages } = await everything(it.db)
  const deleted = messages?.map(({ id, deleted_at, seq, message }) => ({ id, deleted_at, seq, message }))
  expect(deleted?.toSorted((a, b) => (String(a.id) < String(b.id) ? -1 : 1))).toEqual(
    [
      { id: mine.id, deleted_at: time, seq: 1, message: "hello" },
      { id: theirs.id, deleted_at: null, seq: 1, message: "hello" },
      { id: more.new_turn.message_id, deleted_at: later, seq: 3, message: "hello" },
    ].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  )
})

test("a message is kept as it was given: text, parts, usage and all", async () => {
  await using it = await scene()
  const message = messageOf(it.chat, {
    ...{ message: "Line 1\nLine 2\t\"quoted\" 'x' \\ 😀 中文 \u2028", extra: '{"a":[1,2]}', source: 3, liked: 2 },
    ...{ kind: "file", is_bot: true, client_id: "c-1", reply_to: newId("message"), turn_id: newId("turn") },
    parts: [
      { type: "file", name: "a.txt", url: "https://files.test/a", mime_type: "text/plain", size: 0 },
      { type: "tool", tool_call_id: "t", name: "search", state: "completed", input: { q: null }, output: [1.5, true] },
    ],
    usage: { input_tokens: 1, total_tokens: 2, model: "m" },
  })
  const events = [{ kind: "message" as const, ref: message.id, data: null }]
  await it.writer.append(appendOf(it.chat, { messages: [message], events }))
  expect(await it.db.orm.select().from(messageRows)).toEqual([{ ...message, seq: 1 }])
})

test("there is never more than one running turn in a chat", async () => {
  await using it = await scene()
  const asked = await Promise.all(Array.from({ length: 12 }, () => it.ask()))
  expect(asked.filter(({ state }) => state === "running")).toHaveLength(1)
  const rows = await it.db.orm.select().from(turns)
  expect(rows.filter(({ state }) => state === "running")).toHaveLength(1)
})
