// Small signs: that somebody is writing here or elsewhere, and what was read elsewhere.
import { expect, test } from "bun:test"
import { status } from "./frames.ts"
import { Scene } from "./scene.ts"

test("[P5.10] that the person is writing is said now and then for as long as keys are pressed, and once that it is over", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  for (let key = 0; key < 10; key++) {
    scene.chat.typing(true)
    scene.clock.advance(500)
  }
  scene.chat.typing(false)
  scene.chat.typing(false)
  const said: unknown[] = []
  for (let time = 0; time < 3; time++) said.push((await line.next("status")).data)
  await line.quiet()
  expect([said, line.frames.size]).toEqual([[{ typing: true }, { typing: true }, { typing: false }], 0])
})

test("[P5.10] a message ends it, so the next key says it anew", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  scene.chat.typing(true)
  void scene.chat.send("hi").catch(() => undefined)
  scene.chat.typing(false)
  scene.chat.typing(true)
  expect((await line.next("status")).data).toEqual({ typing: true })
  await line.next("message")
  expect((await line.next("status")).data).toEqual({ typing: true })
})

test("[P5.10, P5.11] what others write and have read is told, not as a change of the session; a break ends the writing", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(
    status("t", { state: "ended", typing: [{ user_id: 1, devices: 1 }] }),
    status("t", { read: { user_id: 1, seq: 4 } }),
  )
  await scene.when("read")
  expect([scene.chat.session?.read_seq, scene.chat.session?.state]).toEqual([4, "initialized"])
  line.say(status("t", { read: { user_id: 1, seq: 3 } }))
  await scene.when("read")
  expect(scene.chat.session?.read_seq).toBe(4)
  await scene.again(line)
  expect(scene.heardOf("typing")).toEqual([[{ user_id: 1, devices: 1 }], []])
})
