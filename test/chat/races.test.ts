// What happens when two things happen at once: each moment in between is held still, and the other thing is done in it.
import { expect, test } from "bun:test"
import { turnOfTheLoop } from "../support/clock.ts"
import { until } from "../support/until.ts"
import { openBeside, openScene, user } from "./scene.ts"

const reads = {
  chat: /from "sessions" where/,
  turn: /from "turns" where "turns"."id"/,
  context: /json_object.* as answer/,
}

test("a client that goes while its chat is read is not kept among those who look on", async () => {
  await using scene = await openScene()
  const { db, manager, session } = scene
  db.shut(reads.chat)
  const follower = scene.follower()
  const joining = manager.join(follower, session.id, { trace_id: "t" })
  await db.waiting()
  follower.close()
  manager.disconnectClient(session.id, follower)
  db.open()
  await joining
  expect(manager.getActiveSessions()).toEqual([])
  expect(follower.following.size).toBe(0)
})

test("a client whose join fails is not kept either; it may try again", async () => {
  await using scene = await openScene()
  const { db, manager, session } = scene
  const follower = await scene.join()
  db.cut()
  await expect(manager.join(follower, session.id, { trace_id: "t" })).rejects.toThrow()
  expect(manager.getActiveSessions()).toEqual([])
  db.mend()
  await manager.join(follower, session.id, { trace_id: "t" })
  await scene.say("hello")
  expect(follower.seqs).toEqual([1])
})

test("a client that goes while it is being replayed to is forgotten", async () => {
  await using scene = await openScene()
  const { manager, session } = scene
  const writer = await scene.join()
  await scene.say("hello")
  const slow = scene.follower()
  slow.full = true
  const joining = manager.join(slow, session.id, { cursor: 0, trace_id: "t" })
  await until(() => slow.frames.length > 0, "the head of the replay")
  slow.close()
  manager.disconnectClient(session.id, slow)
  slow.full = false
  await joining
  expect(manager.getActiveSessions()[0]?.connections).toBe(1)
  expect(slow.following.size).toBe(0)
  expect(writer.seqs).toEqual([1])
})

test("a client that is sent away while it is being replayed to does not follow the deleted chat", async () => {
  await using scene = await openScene()
  const { manager, session } = scene
  await scene.join()
  await scene.say("hello")
  const slow = scene.follower()
  slow.full = true
  const joining = manager.join(slow, session.id, { cursor: 0, trace_id: "t" })
  await until(() => slow.frames.length > 0, "the head of the replay")
  await manager.deleteSession(user, session, "t-delete")
  expect(slow.dropped.map(({ code }) => code)).toEqual(["chat_deleted"])
  slow.full = false
  await joining
  expect(slow.following.size).toBe(0)
})

test("[P6.4] a stop that is asked for between two turns reaches the second", async () => {
  await using scene = await openScene()
  const { bot, db, manager, session } = scene
  const follower = await scene.join()
  await scene.say("one")
  await scene.say("two")
  db.shut(reads.turn)
  ;(await bot.run()).done()
  await db.waiting()
  // The second is running in the log, and its bot has not been called yet.
  const answer = await manager.interrupt(user, session, { wait_ms: 0, trace_id: "t" })
  expect(answer.result).toBe("requested")
  db.open()
  await scene.published("end", 2)
  const ends = follower.frames.flatMap((frame) => (frame.type === "end" ? [frame.data] : []))
  expect(ends).toMatchObject([{ state: "completed" }, { state: "interrupted", reason: "stopped" }])
})

test("[P6.6] an end of the session between two turns reaches the second", async () => {
  await using scene = await openScene()
  const { bot, db, manager, session } = scene
  await scene.join()
  await scene.say("one")
  await scene.say("two")
  db.shut(reads.turn)
  ;(await bot.run()).done()
  await db.waiting()
  await manager.endSession(session.id, { principal: user, language: "en", trace_id: "t" })
  db.open()
  await scene.published("end", 2)
  expect(bot.runs).toBe(1)
})

test("turns in line are not run for a session that was deleted", async () => {
  await using scene = await openScene()
  const { bot, manager, session } = scene
  await scene.join()
  await scene.say("one")
  await scene.say("two")
  await bot.run()
  await manager.deleteSession(user, session, "t")
  await scene.published("end", 2)
  expect(bot.runs).toBe(1)
})

test("a chat does not leave memory while something is being stored in it: there are never two of it", async () => {
  await using scene = await openScene({ CHAT_CONNECTION_TIMEOUT: "5" })
  const { bot, clock, db, manager, session } = scene
  const follower = await scene.join()
  db.shut(/insert into messages/)
  const saying = scene.say("hello")
  await db.waiting()
  manager.disconnectClient(session.id, follower)
  await clock.advance(60_000)
  db.open()
  await saying
  const run = await bot.run()
  const back = await scene.join({ cursor: 0 })
  expect(back.seqs).toEqual([1])
  await run.say("heard ")
  await clock.advance(20)
  expect(back.frames.at(-1)).toMatchObject({ type: "progress", data: { text: "heard " } })
  await manager.interrupt(user, session, { wait_ms: 0, trace_id: "t" })
  await scene.published("end")
  expect(run.context.signal.aborted).toBe(true)
  expect(back.seqs).toEqual([1, 2, 3, 4])
})

test("a chat does not leave memory between two turns either", async () => {
  await using scene = await openScene({ CHAT_CONNECTION_TIMEOUT: "5" })
  const { bot, clock, db, manager, session } = scene
  const follower = await scene.join()
  await scene.say("one")
  await scene.say("two")
  manager.disconnectClient(session.id, follower)
  db.shut(reads.turn)
  ;(await bot.run()).done()
  await db.waiting()
  // Somebody asks for the state: that too starts the time until it may go.
  await manager.status(session)
  await clock.advance(60_000)
  db.open()
  const run = await bot.run()
  const back = await scene.join({ cursor: 0 })
  await run.say("second")
  run.done()
  await scene.published("end", 2)
  expect(back.seqs).toEqual([1, 2, 3, 4, 5])
})

test("who comes back while the chat is being paused finds it active, in memory and in the store", async () => {
  await using scene = await openScene({ CHAT_CONNECTION_TIMEOUT: "5" })
  const { clock, db, manager, session } = scene
  const follower = await scene.join()
  manager.disconnectClient(session.id, follower)
  db.shut(/^update "sessions" set "lifecycle"/)
  await clock.advance(5000)
  await db.waiting()
  const joining = scene.join()
  for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
  db.open()
  await joining
  expect((await manager.status(session)).lifecycle).toBe("active")
  expect((await manager.findOwn(user, "c1")).lifecycle).toBe("active")
})

test("[P6.9] a shutdown between two turns leaves the second, which has not begun, to an instance that stays", async () => {
  await using scene = await openScene()
  const { bot, db, manager } = scene
  await scene.join()
  await scene.say("one")
  await scene.say("two")
  db.shut(reads.turn)
  ;(await bot.run()).done()
  await db.waiting()
  const drained = manager.drain(0)
  await turnOfTheLoop()
  db.open()
  await drained
  expect(bot.runs).toBe(1)
  await using other = await openBeside(scene)
  const run = await other.bot.run()
  expect(run.context).toMatchObject({ attempt: 1, message: { message: "two" } })
  run.done()
  await other.published("end")
  expect(other.bus.published.find(({ type }) => type === "end")?.data).toMatchObject({ state: "completed" })
})

test("a shutdown waits for a message that is being stored, and gives its turn its time", async () => {
  await using scene = await openScene()
  const { bot, db, manager } = scene
  const follower = await scene.join()
  db.shut(/insert into messages/)
  const saying = scene.say("hello")
  await db.waiting()
  const drained = manager.drain(10_000)
  db.open()
  expect(await saying).toEqual({ seq: 1, dup: false })
  const run = await bot.run()
  await run.say("answer")
  run.done()
  await drained
  expect(follower.frames.findLast(({ type }) => type === "end")?.data).toMatchObject({ state: "completed" })
  await expect(scene.say("more")).rejects.toThrow("draining")
})

test("a shutdown while the store is away does not wait for ever", async () => {
  await using scene = await openScene()
  const { bot, clock, db, manager } = scene
  await scene.join()
  await scene.say("hello")
  await bot.run()
  db.cut()
  let over = false
  const drained = manager.drain(0).then(() => {
    over = true
  })
  await clock.advance(4000)
  expect(over).toBe(false)
  await clock.advance(1000)
  await drained
  db.mend()
  await clock.advance(10_000)
})

test("[P4.4] a turn's end waits for a store that is away, and comes once", async () => {
  await using scene = await openScene()
  const { bot, clock, db } = scene
  const follower = await scene.join()
  await scene.say("hello")
  const run = await bot.run()
  await run.say("answer")
  db.cut()
  run.done()
  await clock.advance(3000)
  await expect(scene.say("more")).rejects.toThrow("store_unavailable")
  db.mend()
  await clock.advance(10_000)
  await scene.published("end")
  expect(follower.frames.filter(({ type }) => type === "end")).toMatchObject([{ data: { state: "completed" } }])
  expect(await scene.say("again")).toEqual({ seq: 4, dup: false })
})

test("[P4.3] what is deleted while the bot's context is read is not in the context of the turn after", async () => {
  await using scene = await openScene({ CHAT_CONNECTION_TIMEOUT: "5" })
  const { bot, clock, db, manager, session } = scene
  const first = await scene.join()
  await scene.say("SECRET")
  const run = await bot.run()
  await run.say("answer")
  run.done()
  await scene.published("end")
  const ids = first.frames.flatMap((frame) => (frame.type === "message" ? [frame.data.id] : []))
  // Out of memory, so that the next turn has to read what was said.
  manager.disconnectClient(session.id, first)
  await clock.advance(5000)
  await scene.join()
  db.shut(reads.context, "after")
  await scene.say("two")
  await db.waiting()
  await manager.deleteMessages(user, session, ids, "t")
  db.open()
  ;(await bot.run()).fail(new Error("no"))
  await scene.published("end", 2)
  await scene.say("three")
  expect((await bot.run()).context.history).toEqual([])
})

test("[P5.2] what the store had before the bus is in the snapshot, and does not come again as an event", async () => {
  await using scene = await openScene()
  const { bus } = scene
  const other = await scene.join()
  bus.fate = ({ type }) => (type === "message" ? "held" : 1)
  await scene.say("hello")
  const late = await scene.join()
  expect(late.frames[0]).toMatchObject({ data: { top: 1, snapshot: [{ message: "hello" }], turns: [{}] } })
  bus.flush()
  expect(late.seqs).toEqual([])
  expect(other.seqs).toEqual([1])
})

test("[P5.2] what happens after a snapshot was read and before it is sent follows it as an event", async () => {
  await using scene = await openScene()
  const { db } = scene
  await scene.join()
  await scene.say("one")
  db.shut(/^select "last_seq", \(select json_group_array/, "after")
  const joining = scene.join()
  await db.waiting()
  await scene.say("two")
  db.open()
  const late = await joining
  expect(late.frames[0]).toMatchObject({ data: { from: 1, top: 1, snapshot: [{ message: "one" }] } })
  expect(late.seqs).toEqual([2])
})

test("[P5.7] what happens while a client that has joined is replayed to again comes after the replay, once", async () => {
  await using scene = await openScene()
  const { manager, session } = scene
  const follower = await scene.join()
  await scene.say("one")
  follower.full = true
  const joining = manager.join(follower, session.id, { cursor: 0, trace_id: "t" })
  await until(() => follower.frames.filter(({ type }) => type === "start").length === 3, "the head of the replay")
  await scene.say("two")
  follower.full = false
  await joining
  await scene.say("three")
  expect(follower.seqs).toEqual([1, 1, 2, 3])
})

test("[P8.2] of chats that are read at the same time no more than max_concurrent_sessions are let in", async () => {
  await using scene = await openScene({ CHAT_MAX_CONCURRENT_SESSIONS: "1" })
  const { db, manager } = scene
  const names = ["c2", "c3", "c4"]
  const sessions = await Promise.all(
    names.map((chat_id) => manager.createSession(user, { flow_id: "default", chat_id })),
  )
  db.shut(reads.chat)
  const joins = sessions.map(({ id }) => manager.join(scene.follower(), id, { trace_id: "t" }))
  await db.waiting(3)
  db.open()
  const outcomes = (await Promise.allSettled(joins)).map(({ status }) => status)
  expect(outcomes.filter((status) => status === "fulfilled").length).toBe(1)
  expect(manager.getActiveSessions().length).toBe(1)
})

test("[P5.2] what happens while a snapshot is on its way to a slow client follows it as events", async () => {
  await using scene = await openScene()
  const { manager, session } = scene
  await scene.join()
  await scene.say("one")
  const slow = scene.follower()
  slow.full = true
  const joining = manager.join(slow, session.id, { trace_id: "t" })
  await until(() => slow.frames.length > 0, "the snapshot")
  await scene.say("two")
  slow.full = false
  await joining
  await scene.say("three")
  expect(slow.frames[0]).toMatchObject({ data: { recovered: false, from: 1, top: 1 } })
  expect(slow.seqs).toEqual([2, 3])
})
