// An instance that runs a turn dies, hangs, or shuts down: what becomes of the turn, and what those who look on see of it.
import { expect, test } from "bun:test"
import { eq } from "drizzle-orm"
import { turns } from "../../src/store/schema.ts"
import { until } from "../support/until.ts"
import { openBeside, openScene, type Scene, type TestFollower } from "./scene.ts"

/** The turns of the chat, as if their instance had died without a word. */
async function abandon({ db, session }: Scene): Promise<void> {
  await db.orm.update(turns).set({ instance: "ins_dead", lease_expires_at: 0 }).where(eq(turns.session_id, session.id))
}

/** The text of the answer as a client of P6.9 has it in the end. */
function shown(follower: TestFollower): string {
  let [text, of] = ["", 1]
  for (const frame of follower.frames) {
    if (frame.type !== "progress" || frame.data.kind !== "text") continue
    const { generation = 1, offset, text: piece } = frame.data
    if (generation < of) continue
    if (generation > of) [text, of] = ["", generation]
    expect(offset).toBeLessThanOrEqual(text.length)
    text += piece.slice(text.length - offset)
  }
  return text
}

const lastEnd = ({ frames }: TestFollower) => frames.findLast(({ type }) => type === "end")?.data
const lastResult = ({ frames }: TestFollower) => frames.findLast(({ type }) => type === "result")?.data

test("[P6.9] a turn whose instance died is run on from its checkpoint: those who look on see one answer", async () => {
  await using scene = await openScene({}, { resumable: true })
  const follower = await scene.join()
  await scene.say("tell me")
  const first = await scene.bot.run()
  expect(first.context).toMatchObject({ attempt: 1, resuming: false, checkpoint: null })
  await first.say("Once upon ")
  await first.yield({ type: "step", step: { step_id: "1", name: "begin", state: "completed" } })
  await first.yield({ type: "checkpoint", checkpoint: { chapter: 1 } })
  await first.say("a midnight dreary")
  await scene.clock.advance(1000)
  expect(shown(follower)).toBe("Once upon a midnight dreary")
  await abandon(scene)
  await scene.clock.advance(5000)
  const second = await scene.bot.run()
  expect(first.context.signal.aborted).toBe(true)
  expect(second.context).toMatchObject({ attempt: 2, resuming: true, checkpoint: { chapter: 1 } })
  expect(second.context.message.message).toBe("tell me")
  expect(shown(follower)).toBe("Once upon ")
  await second.say("a time")
  await scene.clock.advance(20)
  const late = await scene.join()
  second.done()
  await scene.published("end")
  for (const one of [follower, late]) {
    expect(shown(one)).toBe("Once upon a time")
    expect(lastResult(one)).toMatchObject({
      message: "Once upon a time",
      parts: [{ type: "step", step_id: "1" }],
      state: "completed",
    })
    expect(lastEnd(one)).toMatchObject({ state: "completed", reason: "done" })
  }
  expect(follower.seqs).toEqual([1, 2, 3])
})

test("[P6.9] one that has not left a checkpoint begins anew, and what was said is taken back", async () => {
  await using scene = await openScene({}, { resumable: true })
  const follower = await scene.join()
  await scene.say("tell me")
  await (await scene.bot.run()).say("Nevermore")
  await scene.clock.advance(20)
  await abandon(scene)
  await scene.clock.advance(5000)
  const second = await scene.bot.run()
  expect(shown(follower)).toBe("")
  await second.say("Hello")
  second.done()
  await scene.published("end")
  expect(shown(follower)).toBe("Hello")
  expect(lastResult(follower)).toMatchObject({ message: "Hello" })
})

test("[P6.9] it is given up after max_turn_attempts runs that brought it no further; a new checkpoint starts the count anew", async () => {
  await using scene = await openScene({ CHAT_MAX_TURN_ATTEMPTS: "2" }, { resumable: true })
  const follower = await scene.join()
  await scene.say("tell me")
  const dies = async () => {
    await abandon(scene)
    await scene.clock.advance(5000)
  }
  await scene.bot.run()
  await dies()
  const second = await scene.bot.run()
  expect(second.context.attempt).toBe(2)
  await second.say("Once ")
  await second.yield({ type: "checkpoint", checkpoint: 1 })
  await scene.clock.advance(1000)
  await dies()
  const third = await scene.bot.run()
  expect(third.context.attempt).toBe(2)
  // The same again is no progress.
  await third.yield({ type: "checkpoint", checkpoint: 1 })
  await scene.clock.advance(1000)
  await dies()
  await scene.published("end")
  expect(scene.bot.runs).toBe(3)
  expect(lastResult(follower)).toMatchObject({ message: "Once ", state: "failed" })
  expect(lastEnd(follower)).toMatchObject({ state: "failed", reason: "too_many_attempts", error: { retry: true } })
})

test("[P6.9] a stop that was asked for is not run on", async () => {
  await using scene = await openScene({}, { resumable: true })
  const follower = await scene.join()
  await scene.say("tell me")
  await (await scene.bot.run()).say("Once")
  await scene.db.orm.update(turns).set({ stop_requested_at: "2026-01-01T00:00:00.000Z" })
  await scene.clock.advance(1000)
  await abandon(scene)
  await scene.clock.advance(5000)
  await scene.published("end")
  expect(scene.bot.runs).toBe(1)
  expect(lastEnd(follower)).toMatchObject({ state: "interrupted", reason: "stopped" })
  expect(lastResult(follower)).toMatchObject({ message: "Once" })
})

test("[P6.9] a shutdown that cannot wait hands the turn over: another instance goes on with it", async () => {
  await using a = await openScene({}, { resumable: true })
  await using b = await openBeside(a)
  await a.join()
  const laptop = await b.join()
  await a.say("tell me")
  const run = await a.bot.run()
  await run.say("Once ")
  await run.yield({ type: "checkpoint", checkpoint: 1 })
  await a.clock.advance(20)
  await a.manager.drain(0)
  expect(run.context.signal.aborted).toBe(true)
  expect(a.bus.published.some(({ type }) => type === "end")).toBe(false)
  await b.clock.advance(5000)
  const second = await b.bot.run()
  expect(second.context).toMatchObject({ attempt: 2, checkpoint: 1 })
  await second.say("more")
  second.done()
  await b.published("end")
  expect(shown(laptop)).toBe("Once more")
  expect(lastEnd(laptop)).toMatchObject({ state: "completed" })
})

test("[P6.2] who joins late on another instance sees the steps up to the bot's last checkpoint, before the text", async () => {
  await using a = await openScene({}, { resumable: true })
  await using b = await openBeside(a)
  await a.say("tell me")
  const run = await a.bot.run()
  await run.yield({ type: "step", step: { step_id: "1", name: "begin", state: "completed" } })
  await run.say("Once")
  await run.yield({ type: "checkpoint", checkpoint: 1 })
  await a.clock.advance(1000)
  const laptop = await b.join()
  const told = laptop.frames.flatMap(({ type, data }) => (type === "progress" ? [data.kind] : []))
  expect(told).toEqual(["step", "text"])
  expect(shown(laptop)).toBe("Once")
  run.done()
})

test("[P3.3] a question whose commit got through although the store's answer was lost: refused for now, and answered all the same", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  scene.db.loseAnswer(/insert into messages/)
  const refused = await scene.say("hello", "m1").catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: "store_unavailable" })
  const run = await scene.bot.run()
  expect(await scene.say("hello", "m1")).toEqual({ seq: 1, dup: true })
  run.done()
  await scene.published("end")
  expect(follower.seqs).toEqual([1, 2])
})

test("[P4.4] an end whose commit got through although the store's answer was lost is told once, and the next in line runs", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  await scene.say("one")
  await scene.say("two")
  const one = await scene.bot.run()
  await one.say("answer")
  await scene.clock.advance(1000)
  const timers = scene.clock.waiting
  scene.db.loseAnswer(/update turns set state = j/)
  one.done()
  await until(() => scene.clock.waiting > timers, "the second try")
  await scene.clock.advance(300)
  const two = await scene.bot.run()
  two.done()
  await until(() => follower.frames.filter(({ type }) => type === "end").length === 2, "both ends")
  expect(follower.seqs).toEqual([1, 2, 3, 4, 5])
})

test("[P6.3] the next in line waits for a store that goes away in the moment it is called up, and is asked then", async () => {
  await using scene = await openScene()
  await scene.join()
  await scene.say("one")
  await scene.say("two")
  const one = await scene.bot.run()
  scene.db.shut(/select .* from "turns" where "turns"."id"/)
  one.done()
  await scene.db.waiting()
  const timers = scene.clock.waiting
  scene.db.cut()
  scene.db.open()
  await until(() => scene.clock.waiting > timers, "the next try")
  scene.db.mend()
  await scene.clock.advance(300)
  expect((await scene.bot.run()).context.message.message).toBe("two")
})

test("a store that stays away is not asked for ever what came of the questions of that time: no timer is left", async () => {
  await using scene = await openScene()
  await scene.join()
  await scene.clock.advance(1000)
  const timers = scene.clock.waiting
  scene.db.cut()
  for (const id of ["m1", "m2", "m3"]) {
    expect(await scene.say("hello", id).catch((error: unknown) => error)).toMatchObject({ code: "store_unavailable" })
  }
  await until(() => scene.clock.waiting > timers, "the tries")
  await scene.clock.advance(25_000)
  expect(scene.clock.waiting).toBe(timers)
  scene.db.mend()
})

test("[P6.9] what an earlier run left for the next turn holds when the later one leaves nothing", async () => {
  await using scene = await openScene({}, { resumable: true })
  await scene.join()
  await scene.say("one")
  const first = await scene.bot.run()
  await first.yield({ type: "checkpoint", checkpoint: { chapter: 1 } })
  await scene.clock.advance(1000)
  await abandon(scene)
  await scene.clock.advance(5000)
  const second = await scene.bot.run()
  second.done()
  await scene.published("end")
  await scene.say("two")
  const third = await scene.bot.run()
  expect(third.context).toMatchObject({ resuming: false, checkpoint: { chapter: 1 } })
  third.done()
})

test("[P7.8] an answer streams on and is completed although its title could not be stored at once", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  await scene.say("one")
  const run = await scene.bot.run()
  scene.db.cut()
  await run.yield({ type: "title", title: "A title" })
  await run.say("more")
  await scene.clock.advance(20)
  expect(shown(follower)).toBe("more")
  scene.db.mend()
  run.done()
  await scene.clock.advance(300)
  await scene.published("end")
  expect(lastEnd(follower)).toMatchObject({ state: "completed" })
  expect((await scene.manager.status(scene.session)).topic).toBe("A title")
})
