// The lease of an instance: who lives keeps its turns, who does not loses them and learns of it, and no turn is forgotten.
import { expect, test } from "bun:test"
import { InstanceLease, leaseFor, renewEvery } from "../../src/chat/instance-lease.ts"
import { systemClock } from "../../src/clock.ts"
import { ChatError } from "../../src/errors.ts"
import { renewLease } from "../../src/store/instances.ts"
import { takeOver } from "../../src/store/take-over.ts"
import { releaseTurns, turnById } from "../../src/store/turns.ts"
import { Writer } from "../../src/store/writer.ts"
import { endOf, openChat, questionOf, working } from "../store/appends.ts"
import { FakeClock, turnOfTheLoop } from "../support/clock.ts"
import { everything, openTestDatabase } from "../support/database.ts"
import { until } from "../support/until.ts"
import { gated } from "./gated-database.ts"
import { openBeside, openScene, type Scene } from "./scene.ts"

async function leaseScene() {
  const files = await openTestDatabase()
  const db = { ...gated(files), kind: "server" as const }
  const clock = new FakeClock()
  const lease = new InstanceLease({ db, clock, instance: "ins_here" })
  return { db, clock, lease, [Symbol.asyncDispose]: () => files[Symbol.asyncDispose]() }
}

/** Another instance that lives, and is sure that all of the others do not. */
async function takeAll({ db }: Pick<Scene, "db">): Promise<void> {
  await renewLease(db, "ins_other", Number.MAX_SAFE_INTEGER)
  await takeOver(db, { instance: "ins_other", now: 0, from: "others" })
}

async function ticks({ clock }: Pick<Scene, "clock">, count: number): Promise<void> {
  for (let tick = 0; tick < count; tick++) {
    await clock.advance(renewEvery)
    await turnOfTheLoop()
  }
}

const turnsIn = async ({ db }: Pick<Scene, "db">) => (await everything(db)).turns

test("the only instance of a file has no lease, and needs none", async () => {
  await using scene = await openScene()
  await scene.say("tell me")
  const run = await scene.bot.run()
  await ticks(scene, 10)
  expect((await everything(scene.db)).instances).toEqual([])
  expect(await turnsIn(scene)).toMatchObject([{ instance: "ins_first", lease_expires_at: null, generation: 1 }])
  expect(run.context.signal.aborted).toBe(false)
})

test("a turn needs no lease of its own while its instance has one", async () => {
  await using it = await leaseScene()
  const now = it.clock.now()
  expect(it.lease.ofTurn()).toEqual({ instance: "ins_here", lease_expires_at: now + leaseFor })
  await it.lease.renew()
  expect(it.lease.ofTurn()).toEqual({ instance: "ins_here", lease_expires_at: null })
  await it.clock.advance(leaseFor - 1)
  expect(it.lease.ofTurn().lease_expires_at).toBeNull()
  await it.clock.advance(1)
  expect(it.lease.ofTurn().lease_expires_at).toBe(now + 2 * leaseFor)
})

test("a lease lasts from when it was asked for, however late the store answers", async () => {
  await using it = await leaseScene()
  it.db.shut(/"instances"/, "after")
  const renewed = it.lease.renew()
  await it.db.waiting(1)
  await it.clock.advance(leaseFor)
  it.db.open()
  await renewed
  expect(it.lease.ofTurn().lease_expires_at).toBe(it.clock.now() + leaseFor)
})

test("a lease of its own is dropped when the instance has one again, so that no older version takes the turn", async () => {
  await using it = await leaseScene()
  const { lease_expires_at } = it.lease.ofTurn()
  await it.lease.renew()
  // It was long on its way.
  const { turn } = await working(it.db, "ins_here", 0, lease_expires_at)
  it.db.loseAnswer(/update "turns"/)
  expect(ChatError.within(await it.lease.renew().catch((error: unknown) => error))?.code).toBe("store_unavailable")
  await it.db.orm.run("update turns set lease_expires_at = 1")
  await it.clock.advance(renewEvery)
  await it.lease.renew()
  expect(await turnById(it.db, turn.id)).toMatchObject({ instance: "ins_here", lease_expires_at: null })
})

test("an instance is steady when it has renewed its lease for as long as a lease lasts, without a failure", async () => {
  await using it = await leaseScene()
  const steady = async (renewals: number) => {
    for (let renewal = 0; renewal < renewals; renewal++) {
      await it.clock.advance(renewEvery)
      await it.lease.renew()
    }
    return it.lease.steady
  }
  expect(await steady(3)).toBe(false)
  expect(await steady(1)).toBe(true)
  it.db.cut()
  await it.lease.renew().catch(() => undefined)
  expect(it.lease.steady).toBe(false)
  it.db.mend()
  expect(await steady(3)).toBe(false)
  expect(await steady(1)).toBe(true)
})

test("an instance whose renewal was answered after the lease was over is not steady, nor is one that was frozen", async () => {
  await using it = await leaseScene()
  for (let renewal = 0; renewal < 4; renewal++) {
    await it.lease.renew()
    await it.clock.advance(renewEvery)
  }
  expect(it.lease.steady).toBe(true)
  await it.clock.advance(leaseFor)
  await it.lease.renew()
  expect(it.lease.steady).toBe(false)

  const late = await leaseScene()
  late.db.shut(/"instances"/, "after")
  const renewed = late.lease.renew()
  await late.db.waiting(1)
  await late.clock.advance(leaseFor)
  late.db.open()
  await renewed
  expect(late.lease.steady).toBe(false)
  await late[Symbol.asyncDispose]()
})

test("while an instance lives nothing is written of a turn, however long it runs in silence", async () => {
  await using scene = await openScene({}, { kind: "server" })
  await scene.say("tell me")
  const run = await scene.bot.run()
  const before = await turnsIn(scene)
  expect(before).toMatchObject([{ instance: "ins_first", lease_expires_at: null }])
  await ticks(scene, 20)
  expect(await turnsIn(scene)).toEqual(before)
  run.done()
  await scene.published("end")
})

test("[promise 5] an instance that was frozen stops what another one has taken over, and says nothing more of it", async () => {
  await using scene = await openScene({}, { kind: "server" })
  await scene.say("tell me")
  const run = await scene.bot.run()
  await takeAll(scene)
  // It renews its lease, and does not learn of it.
  scene.db.loseAnswer(/insert into "instances"/)
  await ticks(scene, 1)
  expect(run.context.signal.aborted).toBe(false)
  await ticks(scene, 1)
  expect(run.context.signal.reason).toBe("deposed")
  await run.returned
  await ticks(scene, 2)
  expect(scene.bus.published.map(({ type }) => type)).not.toContain("end")
})

test("[promise 5] one that was taken over before it began here is stopped as well", async () => {
  await using scene = await openScene({}, { kind: "server" })
  await scene.say("one")
  const one = await scene.bot.run()
  await scene.say("two")
  scene.db.shut(/^select[^;]*from "messages" where "messages"."id" in/, "after")
  one.done()
  await scene.db.waiting(1)
  await takeAll(scene)
  await ticks(scene, 1)
  scene.db.open()
  const two = await scene.bot.run()
  await ticks(scene, 1)
  expect(two.context.signal.reason).toBe("deposed")
})

test("[promise 5] a run of an earlier generation is stopped, though the turn is still of this instance", async () => {
  await using scene = await openScene({}, { kind: "server" })
  await scene.say("tell me")
  const run = await scene.bot.run()
  await scene.db.orm.run("update turns set generation = 2")
  await ticks(scene, 1)
  expect(run.context.signal.reason).toBe("deposed")
})

test("[promise 5] a run that was lost is stopped when its chat goes on here with another turn", async () => {
  await using scene = await openScene({}, { kind: "server" })
  await scene.say("one")
  const one = await scene.bot.run()
  await takeAll(scene)
  const [row] = (await turnsIn(scene)) ?? []
  const lost = { id: String(row?.id), answer_id: String(row?.answer_id), generation: 2 }
  await new Writer(scene.db, systemClock).append(endOf(scene.session, lost))
  await scene.say("two")
  const two = await scene.bot.run()
  expect([one, two].map(({ context }) => context.signal.reason)).toEqual(["deposed", undefined])
})

test("[promise 5] what others have is stopped also while nothing can be taken over", async () => {
  await using a = await openScene({}, { kind: "server" })
  const way = gated(a.db)
  await using b = await openBeside(a, { db: way })
  await b.say("tell me")
  const run = await b.bot.run()
  await takeAll(a)
  way.loseAnswer(/not exists \(select 1/)
  await ticks(a, 1)
  expect(run.context.signal.reason).toBe("deposed")
})

test("[promise 5] what was taken over and comes back here is run once: the earlier run is stopped first", async () => {
  for (const resumable of [false, true]) {
    await using scene = await openScene({}, { resumable, kind: "server" })
    await scene.say("tell me")
    const first = await scene.bot.run()
    const [turn] = (await turnsIn(scene)) ?? []
    await releaseTurns(scene.db, [{ id: String(turn?.id), generation: 1 }])
    scene.db.shut(/json_group_object/)
    await ticks(scene, 1)
    expect(first.context.signal.reason).toBe("deposed")
    if (resumable) (await scene.bot.run()).done()
    await scene.published("end")
    expect(scene.bot.runs).toBe(resumable ? 2 : 1)
    expect(scene.bus.published.filter(({ type }) => type === "end")).toHaveLength(1)
  }
})

test("after a time without a store nobody is taken for dead before everybody had time to come back", async () => {
  await using a = await openScene({}, { kind: "server" })
  await using b = await openBeside(a)
  await a.say("tell me")
  const run = await a.bot.run()
  a.db.cut()
  await a.clock.advance(2 * leaseFor)
  a.db.mend()
  // One that starts in this moment is as unsure as the others.
  await using c = await openBeside(a, { instance: "ins_third" })
  await ticks(a, 8)
  expect(run.context.signal.aborted).toBe(false)
  expect(await turnsIn(a)).toMatchObject([{ instance: "ins_first", generation: 1, state: "running" }])
  run.done()
  await a.published("end")
  expect([b.bot.runs, c.bot.runs]).toEqual([0, 0])
})

test("nor is anybody when all of them were frozen", async () => {
  await using a = await openScene({}, { kind: "server" })
  await using b = await openBeside(a)
  await using c = await openBeside(a, { instance: "ins_third" })
  await c.say("tell me")
  const run = await c.bot.run()
  await ticks(a, 6)
  a.clock.pass(60_000)
  await ticks(a, 6)
  expect(run.context.signal.aborted).toBe(false)
  run.done()
  await c.published("end")
  expect(b.bot.runs).toBe(0)
})

test("nor is one that takes longer for it than others", async () => {
  await using a = await openScene({}, { kind: "server" })
  const way = gated(a.db)
  await using b = await openBeside(a, { db: way })
  await using c = await openBeside(a, { instance: "ins_third" })
  await b.say("tell me")
  const run = await b.bot.run()
  await ticks(a, 4)
  a.db.cut()
  await a.clock.advance(2 * leaseFor)
  a.db.mend()
  way.shut(/"instances"/)
  await ticks(a, 2)
  way.open()
  await ticks(a, 4)
  expect(run.context.signal.aborted).toBe(false)
  expect(await turnsIn(a)).toMatchObject([{ generation: 1, state: "running" }])
  run.done()
  await b.published("end")
  expect(c.bot.runs).toBe(0)
})

test("[promise 5] what was committed long after it was sent is begun after a while, whatever the bot can do", async () => {
  await using scene = await openScene({}, { kind: "server" })
  const writer = new Writer(scene.db, systemClock)
  const chats = await Promise.all(Array.from({ length: 50 }, () => openChat(scene.db)))
  const questions = chats.map((chat) => {
    const question = questionOf(chat)
    return { ...question, new_turn: { ...question.new_turn, instance: "ins_first", lease_expires_at: null } }
  })
  await Promise.all(questions.map((question) => writer.append(question)))
  await ticks(scene, 6)
  expect(scene.bot.runs).toBe(0)
  await ticks(scene, 1)
  await until(() => scene.bot.runs === 50, "all of them")
  for (const { new_turn } of questions)
    expect(await turnById(scene.db, new_turn.id)).toMatchObject({ state: "running", generation: 1 })
  await ticks(scene, 10)
  expect(scene.bot.runs).toBe(50)
})

test("[promise 5] a turn of which the answer to its take-over was lost is taken over again", async () => {
  await using scene = await openScene({}, { kind: "server" })
  const { turn } = await working(scene.db, "ins_dead")
  scene.db.loseAnswer(/with recursive holders/)
  await ticks(scene, 3)
  expect(await turnById(scene.db, turn.id)).toMatchObject({ instance: "ins_first", generation: 2, state: "running" })
  await ticks(scene, 8)
  expect(await turnById(scene.db, turn.id)).toMatchObject({ generation: 3, state: "interrupted" })
  expect(scene.bot.runs).toBe(0)
})

test("[promise 5] a turn whose run broke is not begun again as if it were new", async () => {
  await using scene = await openScene({}, { kind: "server" })
  const follower = await scene.join()
  await scene.say("tell me")
  const run = await scene.bot.run()
  await run.say("Once")
  await scene.clock.advance(1000)
  scene.db.refuse(/update turns set state = j/)
  run.done()
  await until(() => scene.db.refusals() > 0, "the end refused")
  await turnOfTheLoop()
  scene.db.refuse(null)
  await ticks(scene, 9)
  await scene.published("end")
  expect(scene.bot.runs).toBe(1)
  expect(follower.frames.findLast(({ type }) => type === "end")?.data).toMatchObject({ reason: "instance_lost" })
})

test("a turn that is being taken over is no stray, however slow the store is", async () => {
  await using scene = await openScene({}, { resumable: true, kind: "server" })
  const { turn } = await working(scene.db, "ins_dead")
  scene.db.shut(/^select[^;]*from "messages" where "messages"."id" in/)
  await ticks(scene, 3)
  await scene.db.waiting(1)
  await ticks(scene, 10)
  scene.db.open()
  await scene.bot.run()
  expect(await turnById(scene.db, turn.id)).toMatchObject({ generation: 2, attempts: 2 })
})

test("an instance that shuts down takes nothing over any more", async () => {
  await using scene = await openScene({}, { kind: "server" })
  await scene.say("tell me")
  const run = await scene.bot.run()
  const drained = scene.manager.drain(60_000)
  const { turn } = await working(scene.db, "ins_dead")
  await ticks(scene, 6)
  expect(await turnById(scene.db, turn.id)).toMatchObject({ instance: "ins_dead", generation: 1 })
  run.done()
  await drained
})

test("[P3.3] a question that is adopted while its chat is slow to catch up is no stray: it runs once", async () => {
  await using scene = await openScene({}, { kind: "server" })
  await scene.join()
  scene.db.loseAnswer(/insert into turns/)
  scene.db.shut(/^select[^;]*from "events"/)
  const said = scene.say("tell me").catch(() => undefined)
  const timers = scene.clock.waiting
  await until(() => scene.clock.waiting > timers, "the question adopted")
  await scene.clock.advance(250)
  await ticks(scene, 10)
  expect(await turnsIn(scene)).toMatchObject([{ state: "running", generation: 1 }])
  scene.db.open()
  await said
  ;(await scene.bot.run()).done()
  await scene.published("end")
  expect(scene.bot.runs).toBe(1)
})

test("an instance keeps its lease while what it took over at its start takes its time", async () => {
  await using first = await openScene({}, { kind: "server" })
  await working(first.db, "ins_dead")
  await first.db.orm.run("update turns set instance = null")
  const way = gated(first.db)
  way.shut(/update turns set state = j/)
  const starting = openBeside(first, { db: way })
  await way.waiting(1)
  await ticks(first, 10)
  expect((await everything(first.db)).instances?.map(({ id }) => id)).toContain("ins_second")
  expect(await turnsIn(first)).toMatchObject([{ instance: "ins_second", generation: 2 }])
  way.open()
  await using second = await starting
  expect(second.bot.runs).toBe(0)
})
