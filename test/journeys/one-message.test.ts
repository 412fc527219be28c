// The main job: a person asks, the answer streams in, and the conversation is there afterwards.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

test("[P4.4] a question is answered by message, progress, result and end, and the streamed text equals the result", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  const ack = await client.say("How are you?")
  expect(ack).toMatchObject({ type: "ack", data: { seq: 1, dup: false } })

  const run = await bot.run()
  expect(run.context.message.message).toBe("How are you?")
  await run.say("Very ")
  await run.say("well.")
  run.done()

  const end = await client.next("end")
  expect(end.data).toMatchObject({ state: "completed", reason: "done" })
  const result = client.events.find(({ type }) => type === "result")
  expect(result?.data).toMatchObject({ message: "Very well.", is_bot: true, state: "completed" })
  expect(client.streamed()).toBe("Very well.")
  expect(client.events.map(({ seq, type }) => [seq, type])).toEqual([
    [1, "message"],
    [2, "result"],
    [3, "end"],
  ])
})

test("section 10: a client that sends nothing but one message, without id, kind or start, is served", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect()
  await client.send('{"type":"message","data":{"text":"hi"},"trace_id":"t1"}')
  await client.next("end")
  expect(client.events.map(({ type }) => type)).toEqual(["message", "result", "end"])
  expect(client.frames.every((frame) => frame.trace_id === "t1")).toBe(true)
})
