// Two instances and one chat: what is done on one takes effect on the other, also when it hears of it late.
import { expect, test } from "bun:test"
import { turnOfTheLoop } from "../support/clock.ts"
import { until } from "../support/until.ts"
import { openBeside, openScene, user } from "./scene.ts"

const caller = { principal: user, language: "en" as const, trace_id: "t" }

test("[P6.6] a session that is ended on one instance ends the turn that runs on the other, and those in line", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  const [phone, laptop] = [await a.join(), await b.join()]
  await a.say("one")
  const run = await a.bot.run()
  await b.say("two")
  await b.manager.endSession(b.session.id, caller)
  await a.published("end", 2)
  expect(run.context.signal.aborted).toBe(true)
  expect([a.bot.runs, b.bot.runs]).toEqual([1, 0])
  expect(laptop.seqs).toEqual(phone.seqs)
})

test("[P8.2] a session that is deleted on one instance is gone on the other: its turn is stopped, its clients are sent away", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  const [phone, laptop] = [await a.join(), await b.join()]
  await a.say("one")
  const run = await a.bot.run()
  await b.manager.deleteSession(user, b.session, "t")
  await a.published("end")
  expect(run.context.signal.aborted).toBe(true)
  for (const follower of [phone, laptop]) {
    expect(follower.dropped.map(({ code }) => code)).toEqual(["chat_deleted"])
    expect(follower.frames.findLast(({ type }) => type === "status")).toMatchObject({ data: { changed: ["deleted"] } })
    expect(follower.following.size).toBe(0)
  }
})

test("[P6.4] a turn that one instance has not heard of yet can be stopped there all the same", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await Promise.all([a.join(), b.join()])
  a.bus.heard = () => false
  await a.say("one")
  const run = await a.bot.run()
  const answer = await b.manager.interrupt(user, b.session, { wait_ms: 0, trace_id: "t" })
  expect(answer).toMatchObject({ result: "requested", seq: 2 })
  await a.published("end")
  expect(run.context.signal.aborted).toBe(true)
})

test("[P6.5] a turn's context has what was said on another instance, also when the bus has not told it", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await Promise.all([a.join(), b.join()])
  await a.say("one")
  ;(await a.bot.run()).done()
  await a.published("end")
  await b.say("two")
  const two = await b.bot.run()
  await two.say("answer to two")
  b.bus.heard = () => false
  two.done()
  await b.published("end")
  await a.say("three")
  const { history } = (await a.bot.run()).context
  expect(history.map(({ question }) => question.message)).toEqual(["two"])
})

test("[P5.3] a client that comes with a cursor from another instance is served, also when this one is behind", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await Promise.all([a.join(), b.join()])
  a.bus.heard = () => false
  await a.say("one")
  await a.say("two")
  const roamer = await b.join({ cursor: 1 })
  expect(roamer.frames[0]).toMatchObject({ data: { recovered: true, from: 1, top: 2 } })
  expect(roamer.seqs).toEqual([2])
})

test("[P5.6] who joins on the other instance in the middle of an answer has its text from the beginning, within a second or so", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await a.join()
  await a.say("tell me")
  const run = await a.bot.run()
  await run.say("Once upon ")
  await a.clock.advance(20)
  // The other instance has not listened until now.
  const late = await b.join()
  await run.say("a time.")
  await a.clock.advance(20)
  await a.clock.advance(1300)
  const pieces = () =>
    late.frames.flatMap((frame) => (frame.type === "progress" && "text" in frame.data ? [frame.data] : []))
  await until(() => pieces().length > 0, "the text")
  expect(pieces()).toMatchObject([{ offset: 0, text: "Once upon a time." }])
  await run.say(" The end.")
  run.done()
  await a.published("end")
  expect(pieces().at(-1)).toMatchObject({ offset: 17, text: " The end." })
})

test("[P6.1] a checkpoint that is taken in the middle of a surrogate pair spoils no character on the other instance", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await a.join()
  await a.say("tell me")
  const run = await a.bot.run()
  await run.say("a\ud83d")
  await a.clock.advance(1000)
  const late = await b.join()
  await run.say("\ude00 b")
  await a.clock.advance(20)
  const pieces = late.frames.flatMap((frame) => (frame.type === "progress" && "text" in frame.data ? [frame.data] : []))
  expect(pieces).toMatchObject([
    { offset: 0, text: "a" },
    { offset: 1, text: "😀 b" },
  ])
  run.done()
  await a.published("end")
})

test("[P6.7] of two answers on two instances one wins", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await Promise.all([a.join(), b.join()])
  await a.say("one")
  void (await a.bot.run()).yield({ type: "question", prompt: "Which?" })
  await a.published("end")
  await Promise.all([a.say("from a"), b.say("from b")])
  const runs = () => a.bot.runs + b.bot.runs
  await until(() => runs() === 2, "a turn")
  const winner = await Promise.race([a.bot.run(), b.bot.run()])
  expect(winner.context.message.parts).toHaveLength(1)
  winner.done()
  await until(() => runs() === 3, "the other's turn")
  const other = await Promise.race([a.bot.run(), b.bot.run()])
  expect(other.context.message.parts).toEqual([])
})

test("[P6.3] a turn that waits is run by whoever ends the one before it; no turn is run twice", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  const [phone] = [await a.join(), await b.join()]
  await a.say("one")
  for (const text of ["two", "three"]) await b.say(text)
  for (const text of ["one", "two", "three"]) {
    const run = await a.bot.run()
    expect(run.context.message.message).toBe(text)
    run.done()
  }
  await a.published("end", 3)
  await turnOfTheLoop()
  expect(b.bot.runs).toBe(0)
  expect(phone.seqs).toEqual([1, 2, 3, 4, 5, 6])
})
