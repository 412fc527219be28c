// Checkpoints: what a turn streamed so far, kept together with the appends, and only for the turn's own holder.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import { type Checkpoint, turnById } from "../../src/store/turns.ts"
import { Writer } from "../../src/store/writer.ts"
import { openTestDatabase, watched } from "../support/database.ts"
import { appendOf, endOf, openChat, questionOf } from "./appends.ts"

async function scene() {
  const files = await openTestDatabase()
  const db = watched(files)
  const writer = new Writer(db, systemClock)
  const run = async () => {
    const question = questionOf(await openChat(db))
    await writer.append(question)
    return question.new_turn.id
  }
  const checkpoint = (turn_id: string, over: Partial<Checkpoint> = {}): Checkpoint => {
    return { turn_id, generation: 1, text: "text", reasoning: "", checkpoint: null, ...over }
  }
  return { db, writer, run, checkpoint, [Symbol.asyncDispose]: () => files[Symbol.asyncDispose]() }
}

test("a checkpoint of a turn that is ours is kept", async () => {
  await using it = await scene()
  const id = await it.run()
  const text = 'So far 😀 "so" \n good'
  expect(
    await it.writer.checkpoint(it.checkpoint(id, { text, reasoning: "hm", checkpoint: { step: [1, null] } })),
  ).toBe(true)
  expect(await turnById(it.db, id)).toMatchObject({
    ...{ partial_text: text, partial_reasoning: "hm", checkpoint: { step: [1, null] } },
  })
  expect(await it.writer.checkpoint(it.checkpoint(id))).toBe(true)
  expect((await turnById(it.db, id))?.checkpoint).toBeNull()
})

test("a checkpoint of another generation, of a turn that has ended or is not there changes nothing, and says so", async () => {
  await using it = await scene()
  const chat = await openChat(it.db)
  const question = questionOf(chat)
  await it.writer.append(question)
  const { id } = question.new_turn
  expect(await it.writer.checkpoint(it.checkpoint(id, { generation: 2 }))).toBe(false)
  expect(await it.writer.checkpoint(it.checkpoint(newId("turn")))).toBe(false)
  expect(await turnById(it.db, id)).toMatchObject({ partial_text: "" })
  await it.writer.append(endOf(chat, question.new_turn))
  expect(await it.writer.checkpoint(it.checkpoint(id))).toBe(false)
  expect(await turnById(it.db, id)).toMatchObject({ partial_text: "", state: "completed" })
})

test("a newer checkpoint takes the place of one that has not left yet", async () => {
  await using it = await scene()
  const id = await it.run()
  const go = it.db.hold()
  const chat = await openChat(it.db)
  const before = it.db.batches.length
  const blocking = it.writer.append(appendOf(chat))
  await it.db.held()
  const kept = ["a", "ab", "abc"].map((text) => it.writer.checkpoint(it.checkpoint(id, { text })))
  go()
  expect(await Promise.all(kept)).toEqual([true, true, true])
  await blocking
  expect(it.db.batches.length - before).toBe(2)
  expect(await turnById(it.db, id)).toMatchObject({ partial_text: "abc" })
})

test("checkpoints share the batch of the appends, in one statement", async () => {
  await using it = await scene()
  const ids = await Promise.all(Array.from({ length: 10 }, () => it.run()))
  const chat = await openChat(it.db)
  const before = it.db.batches.length
  await Promise.all([it.writer.append(appendOf(chat)), ...ids.map((id) => it.writer.checkpoint(it.checkpoint(id)))])
  // events, sessions, and the checkpoints
  expect(it.db.batches.slice(before).map((statements) => statements.length)).toEqual([3])
})

test("long texts are spread over batches: a libSQL server takes no value above 5 MB", async () => {
  await using it = await scene()
  const ids = await Promise.all(Array.from({ length: 5 }, () => it.run()))
  const before = it.db.batches.length
  const text = "x".repeat(400_000)
  const kept = await Promise.all(ids.map((id) => it.writer.checkpoint(it.checkpoint(id, { text }))))
  expect(kept).toEqual([true, true, true, true, true])
  expect(it.db.batches.length - before).toBe(3)
})

test("an append that breaks a rule does not take the checkpoints of its batch with it", async () => {
  await using it = await scene()
  const id = await it.run()
  const question = questionOf(await openChat(it.db))
  await it.writer.append(question)
  const broken = it.writer.append({ ...question, guard: {} }).catch((error: unknown) => String(error))
  expect(await it.writer.checkpoint(it.checkpoint(id))).toBe(true)
  expect(await broken).toBe("ChatError: internal")
})
