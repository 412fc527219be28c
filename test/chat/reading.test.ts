// Up to where a person has read: kept, told to the other devices and instances, and never back.
import { expect, test } from "bun:test"
import { sessionByKey } from "../../src/store/events.ts"
import { moveReadSeqs } from "../../src/store/session-changes.ts"
import { openChat } from "../store/appends.ts"
import { openTestDatabase, planOf, watched } from "../support/database.ts"
import { until } from "../support/until.ts"
import { openBeside, openScene, type Scene, type TestFollower, user } from "./scene.ts"

const told = ({ frames }: TestFollower) =>
  frames.flatMap((frame) => (frame.type === "status" && frame.data.read ? [frame.data.read.seq] : []))
const read = ({ manager, session }: Scene, seq: number) => manager.moment.read(session.id, user, seq)
const kept = async ({ db, session }: Scene) => (await sessionByKey(db, session.id))?.read_seq

/** A chat with some messages. */
async function said(scene: Scene, messages: number): Promise<void> {
  for (let time = 0; time < messages; time++) await scene.manager.sendMessage(scene.session.id, `${time}`, "t")
}

/** Lets what is gathered be kept, and told to this one. */
async function flush(scene: Scene, follower: TestFollower, seq: number): Promise<void> {
  await scene.clock.advance(250)
  await until(() => told(follower).includes(seq), `the news that ${seq} was read`)
}

test("[P5.11] what one device has shown is kept, and told to all, who come back to it as well", async () => {
  await using scene = await openScene()
  const [phone, laptop] = [await scene.join(), await scene.join()]
  await said(scene, 5)
  read(scene, 2)
  read(scene, 4)
  read(scene, 3)
  await flush(scene, phone, 4)
  expect([await kept(scene), told(phone), told(laptop)]).toEqual([4, [4], [4]])
  const [start] = (await scene.join()).frames
  expect(start).toMatchObject({ type: "start", data: { session: { read_seq: 4, last_seq: 5 } } })
})

test("[P5.11] it never goes back, and never beyond the log", async () => {
  await using scene = await openScene()
  const phone = await scene.join()
  await said(scene, 3)
  read(scene, 1_000_000)
  await flush(scene, phone, 3)
  expect([await kept(scene), told(phone)]).toEqual([3, [3]])
  read(scene, 2)
  await scene.clock.advance(1000)
  expect([await kept(scene), told(phone)]).toEqual([3, [3]])
  scene.manager.moment.read(scene.session.id, { ...user, user_id: 2 }, 3)
  expect(scene.bus.published.filter((frame) => "seq" in frame)).toHaveLength(3)
})

test("[P5.11] other instances are told, and those that the bus did not reach find it in the store", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  const [phone, laptop] = [await a.join(), await b.join()]
  await said(a, 3)
  read(a, 1)
  await flush(a, phone, 1)
  expect([told(phone), told(laptop)]).toEqual([[1], [1]])
  a.bus.heard = () => false
  read(a, 2)
  await flush(a, phone, 2)
  expect([told(phone), told(laptop)]).toEqual([[1, 2], [1]])
  await b.clock.advance(2000)
  await until(() => told(laptop).includes(2), "the safety net")
  expect(told(laptop)).toEqual([1, 2])
})

test("[P5.11] what was read is kept when the instance stops in that moment", async () => {
  await using scene = await openScene()
  await scene.join()
  await said(scene, 2)
  read(scene, 2)
  await scene.manager.drain(0)
  expect([await kept(scene), scene.clock.waiting]).toEqual([2, 0])
})

test("what was read in a thousand chats is kept by one statement, by their keys", async () => {
  await using files = await openTestDatabase()
  const db = watched(files)
  const chats = await Promise.all(Array.from({ length: 3 }, () => openChat(files, { last_seq: 9 })))
  const moves = chats.map(({ id }, place) => ({ id, seq: place * 5 }))
  expect(await moveReadSeqs(db, moves)).toEqual([
    { id: chats[1]?.id ?? "", read_seq: 5 },
    { id: chats[2]?.id ?? "", read_seq: 9 },
  ])
  expect(db.single).toHaveLength(1)
  const plan = await planOf(files, db.single[0] ?? "")
  expect(plan.split("\n").filter((step) => !step.includes("VIRTUAL TABLE"))).toEqual([
    expect.stringMatching(/^SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 \(id=\?\)$/),
  ])
})
