// Who is writing: the others are told, on this instance and on others, and it is over by itself.
import { expect, test } from "bun:test"
import { openBeside, openScene, type Scene, type TestFollower } from "./scene.ts"

/** What each of these was told last of who is writing. */
const told = (...followers: TestFollower[]) =>
  followers.map(({ frames }) =>
    frames.flatMap((frame) => (frame.type === "status" && frame.data.typing ? [frame.data.typing] : [])).at(-1),
  )
const news = ({ frames }: TestFollower) => frames.filter((frame) => frame.type === "status" && frame.data.typing).length
const type = ({ manager, session }: Scene, follower: TestFollower, on = true) =>
  manager.moment.typing(session.id, follower, on)
const one = [{ user_id: 1, devices: 1 }]

test("[P5.10] the other devices are told who is writing, those that write only of the others", async () => {
  await using scene = await openScene()
  const [phone, laptop, tablet] = [await scene.join(), await scene.join(), await scene.join()]
  type(scene, phone)
  await scene.clock.advance(100)
  expect(told(phone, laptop, tablet)).toEqual([undefined, one, one])
  type(scene, laptop)
  await scene.clock.advance(100)
  expect(told(phone, laptop, tablet)).toEqual([one, one, [{ user_id: 1, devices: 2 }]])
  type(scene, phone, false)
  await scene.clock.advance(100)
  expect(told(phone, laptop, tablet)).toEqual([one, [], one])
  expect(scene.bus.published.filter((frame) => "seq" in frame)).toEqual([])
})

test("[P5.10] it is over six seconds after it was said last, and goes on for as long as it is said again", async () => {
  await using scene = await openScene()
  const [phone, laptop] = [await scene.join(), await scene.join()]
  for (let time = 0; time < 10; time++) {
    type(scene, phone)
    await scene.clock.advance(3000)
  }
  expect([told(laptop), news(laptop)]).toEqual([[one], 1])
  await scene.clock.advance(2999)
  expect(told(laptop)).toEqual([one])
  await scene.clock.advance(1)
  expect([told(laptop), news(laptop), news(phone)]).toEqual([[[]], 2, 0])
})

test("[P5.10] whoever goes is no longer writing", async () => {
  await using scene = await openScene()
  const [phone, laptop] = [await scene.join(), await scene.join()]
  type(scene, phone)
  await scene.clock.advance(100)
  scene.manager.disconnectClient(scene.session.id, phone)
  await scene.clock.advance(100)
  expect(told(laptop)).toEqual([[]])
})

test("[P5.10] whoever comes while somebody writes hears of it the next time it is said", async () => {
  await using scene = await openScene()
  const phone = await scene.join()
  type(scene, phone)
  await scene.clock.advance(100)
  const laptop = await scene.join()
  type(scene, phone)
  await scene.clock.advance(100)
  expect(told(laptop)).toEqual([one])
})

test("[P5.10] devices of other instances are told as well; of an instance that dies it is over by itself", async () => {
  await using a = await openScene()
  await using b = await openBeside(a)
  const [phone, laptop] = [await a.join(), await b.join()]
  type(a, phone)
  await a.clock.advance(200)
  expect(told(phone, laptop)).toEqual([undefined, one])
  type(b, laptop)
  await a.clock.advance(200)
  expect(told(phone, laptop)).toEqual([one, one])
  type(b, laptop, false)
  await a.clock.advance(200)
  expect(told(phone, laptop)).toEqual([[], one])
  a.bus.heard = () => false
  await a.clock.advance(7000)
  expect(told(phone, laptop)).toEqual([[], []])
})

test("[P5.10] however often it is said, nobody is told more than ten times a second", async () => {
  await using scene = await openScene()
  const [phone, laptop] = [await scene.join(), await scene.join()]
  for (let time = 0; time < 200; time++) {
    type(scene, phone, time % 2 === 0)
    await scene.clock.advance(5)
  }
  expect(news(laptop)).toBeLessThanOrEqual(10)
})

test("[P5.10] one that is behind is not told more, and what ends leaves no timer behind", async () => {
  await using scene = await openScene()
  const [phone, laptop] = [await scene.join(), await scene.join()]
  laptop.full = true
  type(scene, phone)
  await scene.clock.advance(100)
  expect(told(laptop)).toEqual([undefined])
  laptop.full = false
  type(scene, phone)
  await scene.clock.advance(100)
  expect(told(laptop)).toEqual([one])
  type(scene, phone)
  await scene.manager.drain(0)
  type(scene, phone)
  expect(scene.clock.waiting).toBe(0)
})
