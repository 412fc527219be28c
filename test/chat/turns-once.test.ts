// A turn that can be found in two ways, or that changes hands in a bad moment: it runs once, and is not lost.
import { expect, test } from "bun:test"
import { turns } from "../../src/store/schema.ts"
import { turnOfTheLoop } from "../support/clock.ts"
import { until } from "../support/until.ts"
import { messageOf, openBeside, openScene, type Scene, user } from "./scene.ts"

const tell = ({ manager, session }: Scene, text: string, policy: "latest" | "merge") =>
  manager.handleMessage(session.id, messageOf({ kind: "text", text, policy }), {
    ...{ principal: user, language: "en", trace_id: "t-say" },
  })

const stateOf = async ({ db }: Scene) =>
  (await db.orm.select({ state: turns.state }).from(turns).orderBy(turns.seq)).map(({ state }) => state)

/** A question that the first instance left in line when it shut down. */
async function leaveInLine(scene: Scene): Promise<void> {
  await scene.join()
  await scene.say("zero")
  const zero = await scene.bot.run()
  await scene.say("one")
  const drained = scene.manager.drain(20_000)
  zero.done()
  await drained
}

test("[P4.4] a question asked while the end of the turn before waits for the store, which has it already, is run once", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  await scene.say("one")
  const one = await scene.bot.run()
  await one.say("answer")
  await scene.clock.advance(1000)
  const timers = scene.clock.waiting
  scene.db.loseAnswer(/update turns set state = j/)
  one.done()
  await until(() => scene.clock.waiting > timers, "the second try")
  await scene.say("two")
  const two = await scene.bot.run()
  await scene.clock.advance(300)
  await scene.clock.advance(300)
  two.done()
  await until(() => follower.frames.filter(({ type }) => type === "end").length === 2, "both ends")
  expect(scene.bot.runs).toBe(2)
})

test("[P6.3] latest leaves a turn alone that was left in line by one instance and is run by another", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await leaveInLine(a)
  const laptop = await b.join()
  await b.clock.advance(5000)
  const one = await b.bot.run()
  await one.say("precious words")
  await tell(b, "two", "latest")
  await b.clock.advance(20)
  expect(b.bot.runs).toBe(1)
  one.done()
  const two = await b.bot.run()
  two.done()
  await until(() => laptop.frames.filter(({ type }) => type === "end").length === 2, "both ends")
  expect(laptop.frames.find(({ type }) => type === "result")?.data).toMatchObject({ message: "precious words" })
  expect(await stateOf(b)).toEqual(["completed", "completed", "completed"])
})

test("[P6.3] merge waits behind a turn that was left in line by one instance and is run by another", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await leaveInLine(a)
  await b.join()
  await b.clock.advance(5000)
  const one = await b.bot.run()
  await tell(b, "two", "merge")
  one.done()
  const two = await b.bot.run()
  expect(two.context.message.message).toBe("two")
  two.done()
})

test("[P8.3] a turn that is taken in the moment of a shutdown is put back in line", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await leaveInLine(a)
  b.db.shut(/not exists \(select 1 from "turns" o/, "after")
  await b.clock.advance(5000)
  await b.db.waiting()
  const drained = b.manager.drain(0)
  await turnOfTheLoop()
  b.db.open()
  await drained
  expect(await stateOf(a)).toEqual(["completed", "queued"])
})

test("[P6.9] a turn in line that is called up while the store goes away is run when it is back", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await leaveInLine(a)
  b.db.shut(/not exists \(select 1 from "turns" o/, "after")
  await b.clock.advance(5000)
  await b.db.waiting()
  const timers = b.clock.waiting
  b.db.cut()
  b.db.open()
  await turnOfTheLoop()
  await b.clock.advance(100)
  b.db.mend()
  for (let seconds = 0; seconds < 30; seconds++) await b.clock.advance(1000)
  expect(timers).toBeGreaterThan(0)
  expect(await stateOf(b)).toEqual(["completed", "running"])
  const one = await b.bot.run()
  one.done()
})
