// The lease of an instance: who lives keeps its turns, who does not loses them and learns of it, and no turn is forgotten.
import { expect, test } from "bun:test"
import { InstanceLease, leaseFor, renewEvery } from "../../src/chat/instance-lease.ts"
import { systemClock } from "../../src/clock.ts"
import { ChatError } from "../../src/errors.ts"
import { renewLease } from "../../src/store/instances.ts"
import { takeOver } from "../../src/store/take-over.ts"
import { turnById } from "../../src/store/turns.ts"
import { Writer } from "../../src/store/writer.ts"
import { openChat, questionOf, working } from "../store/appends.ts"
import { FakeClock } from "../support/clock.ts"
import { everything, openTestDatabase } from "../support/database.ts"
import { until } from "../support/until.ts"
import { gated } from "./gated-database.ts"
import { openBeside, openScene, type Scene } from "./scene.ts"

async function leaseScene() {
  const files = await openTestDatabase()
  const db = gated(files)
  const clock = new FakeClock()
  const lease = new InstanceLease({ db, clock, instance: "ins_here" })
  return { db, clock, lease, [Symbol.asyncDispose]: () => files[Symbol.asyncDispose]() }
}

const none = () => []
/** Another instance that lives, and is sure that all of the others do not. */
async function takeAll({ db }: Pick<Scene, "db">): Promise<void> {
  await renewLease(db, "ins_other", Number.MAX_SAFE_INTEGER)
  await takeOver(db, { instance: "ins_other", now: 0, all: true })
}

test("a turn needs no lease of its own while its instance has one", async () => {
  await using it = await leaseScene()
  const now = it.clock.now()
  expect(it.lease.ofTurn()).toEqual({ instance: "ins_here", lease_expires_at: now + leaseFor })
  await it.lease.renew(none)
  expect(it.lease.ofTurn()).toEqual({ instance: "ins_here", lease_expires_at: null })
  await it.clock.advance(leaseFor - 1)
  expect(it.lease.ofTurn().lease_expires_at).toBeNull()
  await it.clock.advance(1)
  expect(it.lease.ofTurn().lease_expires_at).toBe(now + 2 * leaseFor)
})

test("[promise 5] an instance that counted as gone is told once which of its turns it lost", async () => {
  await using it = await leaseScene()
  await it.lease.renew(none)
  const lost = await working(it.db, "ins_here")
  await takeAll(it)
  const mine = await working(it.db, "ins_here")
  const running = () => [lost.turn.id, mine.turn.id]
  expect((await it.lease.renew(running)).lost).toEqual(new Set([lost.turn.id]))
  expect((await it.lease.renew(running)).lost).toEqual(new Set())
})

test("[promise 5] it is told the next time when the store goes away in between", async () => {
  await using it = await leaseScene()
  await it.lease.renew(none)
  const { turn } = await working(it.db, "ins_here")
  await takeAll(it)
  it.db.loseAnswer(/select "id" from "turns"/)
  const fault = await it.lease.renew(() => [turn.id]).catch((error: unknown) => error)
  expect(ChatError.within(fault)?.code).toBe("store_unavailable")
  expect((await it.lease.renew(() => [turn.id])).lost).toEqual(new Set([turn.id]))
})

test("while an instance lives nothing is written of a turn, however long it runs in silence", async () => {
  await using scene = await openScene()
  await scene.say("tell me")
  const run = await scene.bot.run()
  const { turns } = await everything(scene.db)
  expect(turns).toMatchObject([{ instance: "ins_first", lease_expires_at: null }])
  await scene.clock.advance(4 * leaseFor)
  expect((await everything(scene.db)).turns).toEqual(turns)
  run.done()
  await scene.published("end")
})

test("[promise 5] an instance that was frozen stops what another one has taken over, and says nothing more of it", async () => {
  await using scene = await openScene()
  await scene.say("tell me")
  const run = await scene.bot.run()
  await takeAll(scene)
  await scene.clock.advance(renewEvery)
  await until(() => run.context.signal.aborted, "the turn stopped")
  expect(run.context.signal.reason).toBe("deposed")
  await run.returned
  await scene.clock.advance(renewEvery)
  expect(scene.bus.published.map(({ type }) => type)).not.toContain("end")
})

test("after a time without a store everybody has time to come back before anything is taken over", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await b.say("tell me")
  const run = await b.bot.run()
  a.db.cut()
  await a.clock.advance(2 * leaseFor)
  a.db.mend()
  await a.clock.advance(2 * leaseFor)
  expect(run.context.signal.aborted).toBe(false)
  expect(a.bot.runs).toBe(0)
  run.done()
  await b.published("end")
})

test("what the store has as ours and nobody runs is let go of and run, however much it is", async () => {
  await using scene = await openScene({}, { resumable: true })
  const writer = new Writer(scene.db, systemClock)
  const chats = await Promise.all(Array.from({ length: 201 }, () => openChat(scene.db)))
  const questions = chats.map((chat) => {
    const question = questionOf(chat)
    return { ...question, new_turn: { ...question.new_turn, instance: "ins_first", lease_expires_at: null } }
  })
  await Promise.all(questions.map((question) => writer.append(question)))
  await scene.clock.advance(leaseFor)
  expect(scene.bot.runs).toBe(0)
  await scene.clock.advance(renewEvery)
  await until(() => scene.bot.runs === 200, "those that were looked at first")
  await scene.clock.advance(renewEvery)
  await until(() => scene.bot.runs === 201, "the last one")
  for (const { new_turn } of questions)
    expect(await turnById(scene.db, new_turn.id)).toMatchObject({ state: "running", generation: 2 })
})
