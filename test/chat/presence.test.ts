// Who is here: devices on one instance and on several, those that go, and instances that die.
import { expect, test } from "bun:test"
import { sessionByKey } from "../../src/store/events.ts"
import { moveLifecycles } from "../../src/store/session-changes.ts"
import { openBeside, openScene, type Scene, type TestFollower } from "./scene.ts"

/** How many devices each of these was told of last. */
const told = (...followers: TestFollower[]) =>
  followers
    .map(
      ({ frames }) =>
        frames.findLast((frame) => (frame.type === "start" && "here" in frame.data) || frame.type === "status")?.data,
    )
    .map((data) => (data && "here" in data ? data.here?.devices : undefined))

const news = ({ frames }: TestFollower) =>
  frames.filter((frame) => frame.type === "status" && frame.data.here !== undefined).length

const leave = ({ manager, session }: Scene, follower: TestFollower) => manager.disconnectClient(session.id, follower)

test("[P5.9] start says who is here, and the others are told when somebody comes or goes, those together once", async () => {
  await using scene = await openScene()
  const one = await scene.join()
  await scene.clock.advance(100)
  expect([told(one), news(one)]).toEqual([[1], 0])
  const [two, three] = [await scene.join(), await scene.join()]
  await scene.clock.advance(100)
  expect(told(one, two, three)).toEqual([3, 3, 3])
  expect(news(one)).toBe(1)
  expect(one.frames.at(-1)).toMatchObject({ data: { changed: [], here: { users: [{ user_id: 1, devices: 3 }] } } })
  leave(scene, three)
  leave(scene, two)
  await scene.clock.advance(100)
  expect([told(one), news(one)]).toEqual([[1], 2])
  await scene.clock.advance(60_000)
  expect(news(one)).toBe(2)
})

test("[P5.9] devices on other instances are here as well, whoever came first, and go when they go", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  const phone = await a.join()
  await a.clock.advance(100)
  const laptop = await b.join()
  await a.clock.advance(100)
  expect(told(phone, laptop)).toEqual([2, 2])
  await a.clock.advance(120_000)
  expect(told(phone, laptop)).toEqual([2, 2])
  leave(b, laptop)
  await a.clock.advance(100)
  expect(told(phone)).toEqual([1])
})

test("[P5.9] devices of an instance that died are forgotten after a while; a note that was lost is made up for", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  const phone = await a.join()
  const laptop = await b.join()
  await a.clock.advance(100)
  b.bus.heard = () => false
  await a.clock.advance(20_000)
  expect(told(phone)).toEqual([2])
  await a.clock.advance(20_000)
  expect(told(phone)).toEqual([1])
  b.bus.heard = () => true
  await a.clock.advance(10_000)
  expect(told(phone, laptop)).toEqual([2, 2])
})

test("a chat that others look at is not paused by the instance where it left memory", async () => {
  await using a = await openScene({ CHAT_CONNECTION_TIMEOUT: "60" })
  await using b = await openBeside(a)
  const phone = await a.join()
  await b.join()
  await a.clock.advance(100)
  leave(a, phone)
  await a.clock.advance(61_000)
  expect(await sessionByKey(a.db, a.session.id)).toMatchObject({ lifecycle: "active" })
})

test("a chat that was paused by an instance that had not heard of us is active again within a second", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  await b.join()
  await moveLifecycles(a.db, [a.session.id], ["active"], "paused")
  await b.clock.advance(1000)
  expect(await sessionByKey(a.db, a.session.id)).toMatchObject({ lifecycle: "active" })
})

test("[P5.9] those who came while the bus was away are counted by all when it is back", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  for (const { bus } of [a, b]) bus.heard = () => false
  const phone = await a.join()
  const laptop = await b.join()
  await a.clock.advance(40_000)
  expect(told(phone, laptop)).toEqual([1, 1])
  for (const { bus } of [a, b]) bus.heard = () => true
  await a.clock.advance(30_000)
  expect(told(phone, laptop)).toEqual([2, 2])
  await a.clock.advance(120_000)
  expect([news(phone), news(laptop)]).toEqual([1, 1])
})

test("[P8.3] whoever leaves after a shutdown leaves no timer behind", async () => {
  await using scene = await openScene()
  const follower = await scene.join()
  await scene.manager.drain(20_000)
  leave(scene, follower)
  expect(scene.clock.waiting).toBe(0)
})

test("[P5.9] however many instances say who comes and goes there, nobody is told more than ten times a second", async () => {
  await using scene = await openScene()
  const phone = await scene.join()
  await scene.clock.advance(100)
  const chat = (devices: number, instance: string) =>
    scene.bus.deliver(scene.session.id, { type: "here", data: { instance, users: { 1: devices }, asks: false } })
  for (let step = 1; step <= 10; step++) {
    for (let instance = 0; instance < 5; instance++) chat(step, `ins_${instance}`)
    await scene.clock.advance(100)
  }
  expect(news(phone)).toBeWithin(5, 12)
  await scene.clock.advance(100)
  expect(told(phone)).toEqual([51])
})
