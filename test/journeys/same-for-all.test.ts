// One order: every device sees the same events with the same content, live or replayed, and can tell what caused them.
import { expect, test } from "bun:test"
import { decode } from "../../src/protocol/codec.ts"
import type { TestClient } from "../support/client.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene() {
  const bot = scriptedHandler()
  return { bot, chat: await startTestServer({ handlers: { scripted: bot.handler } }) }
}

const file = { name: "a.pdf", url: "https://files.example.org/a.pdf", mime_type: "application/pdf" }

/** A bit of everything that leaves something in the log. */
async function converse(client: TestClient, bot: ReturnType<typeof scriptedHandler>): Promise<void> {
  await client.ask({ type: "message", data: { text: "hello \u2028 字 😀", extra: '{"a":1}' } })
  const first = await bot.run()
  await first.yield({ type: "reasoning", text: "Let me think." })
  await first.yield({ type: "tool", tool: { tool_call_id: "t1", name: "search", state: "running", input: { q: "x" } } })
  await first.yield({
    ...{ type: "tool" },
    tool: { tool_call_id: "t1", name: "search", state: "completed", output: [1, "half a pair: \ud83d", "\0"] },
  })
  await first.yield({ type: "step", step: { step_id: "s1", name: "look", state: "completed" } })
  await first.yield({ type: "title", title: "A title cut within a pair \ud83d" })
  await first.yield({ type: "usage", usage: { input_tokens: 3, model: "m" } })
  await first.say("An answer with 😀.")
  void first.yield({ type: "question", prompt: "Which one? \ud83d", fields: [{ type: "text", key: "which" }] })
  await client.next("end")
  await client.ask({ type: "message", data: { kind: "input", answer: { which: "a" } } })
  const second = await bot.run()
  await second.say("half of")
  await client.ask({ type: "interrupt" })
  await client.next("end")
  await client.ask({ type: "message", data: { kind: "file", files: [file] } })
  ;(await bot.run()).fail(new Error("no"))
  await client.next("end")
  await client.ask({ type: "message", data: { kind: "command", command: "/title Other" } })
  await client.ask({ type: "end" })
  await client.settled()
}

test("[P4.1] durable events carry 1, 2, 3 ... and are the same for every device, live and replayed from memory and store", async () => {
  const { bot, chat } = await scene()
  await using _ = chat
  const one = await chat.connect({ chat: "c1" })
  const two = await chat.connect({ chat: "c1" })
  await Promise.all([one.join(), two.join()])
  await converse(one, bot)
  await two.settled()
  const log = one.events
  expect(log.length).toBe(14)
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, place) => place + 1))
  expect(two.events).toEqual(log)

  const fromMemory = await chat.connect({ chat: "c1" })
  await fromMemory.join({ cursor: 0 })
  expect(fromMemory.events).toEqual(log)
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  const fromStore = await again.connect({ chat: "c1" })
  await fromStore.join({ cursor: 0 })
  expect(fromStore.events).toEqual(log)
})

test("[P4.1] frames with seq are message, result, end, interrupt, and status with changed; no others", async () => {
  const { bot, chat } = await scene()
  await using _ = chat
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  await converse(client, bot)
  const types = new Set<string>(client.events.map(({ type }) => type))
  expect(types).toEqual(new Set(["end", "interrupt", "message", "result", "status"]))
  for (const frame of client.frames) {
    if (frame.type === "status") expect(frame.data.changed.length > 0).toBe(frame.seq !== undefined)
  }
})

test("[P4.1] a device's own messages come back to it as events, once", async () => {
  const { chat } = await scene()
  await using _ = chat
  const client = await chat.connect({ chat: "c1" })
  await client.say("mine", "m1")
  const event = await client.next("message")
  expect(event).toMatchObject({ seq: 1, trace_id: "trace-m1", data: { client_id: "m1", user_id: 1, is_bot: false } })
  await client.settled()
  expect(client.events.length).toBe(1)
})

test("[P4.2] frames of the moment are repeated by what is durable: the result has every text, tool and step that was shown", async () => {
  const { bot, chat } = await scene()
  await using _ = chat
  const client = await chat.connect({ chat: "c1" })
  await converse(client, bot)
  const result = client.frames.find(({ type }) => type === "result")
  if (result?.type !== "result") throw new Error("there is no result")
  expect(client.streamed(result.data.id)).toBe(result.data.message ?? "")
  expect(result.data.parts).toMatchObject([
    { type: "reasoning", text: "Let me think." },
    { type: "tool", tool_call_id: "t1", state: "completed", output: [1, "half a pair: \ufffd", "\ufffd"] },
    { type: "step", step_id: "s1", state: "completed" },
    { type: "question", prompt: "Which one? \ufffd" },
  ])
  expect(result.data.usage).toEqual({ input_tokens: 3, model: "m" })
})

test("[P2.3] the trace_id comes back on every frame of the turn, to every device; one is made when there is none", async () => {
  const { bot, chat } = await scene()
  await using _ = chat
  const one = await chat.connect({ chat: "c1" })
  const two = await chat.connect({ chat: "c1" })
  await Promise.all([one.join(), two.join()])
  await one.send({ type: "message", data: { text: "a" }, id: "m1", trace_id: "trace of the first" })
  const run = await bot.run()
  await two.send({ type: "message", data: { text: "b" }, id: "m2", trace_id: "trace of the second" })
  await two.answer("m2")
  await run.yield({ type: "tool", tool: { tool_call_id: "t1", name: "search", state: "running" } })
  await run.yield({ type: "title", title: "A title" })
  await run.say("answer to a")
  run.done()
  const second = await bot.run()
  await second.say("answer to b")
  second.fail(new Error("no"))
  await one.next("end")
  await one.next("end")
  await two.settled()

  const told = (client: TestClient, trace: string) =>
    new Set<string>(client.frames.filter(({ trace_id }) => trace_id === trace).map(({ type }) => type))
  const ofTurn = ["message", "status", "progress", "result", "end"]
  expect(told(one, "trace of the first")).toEqual(new Set([...ofTurn, "ack"]))
  expect(told(two, "trace of the first")).toEqual(new Set(ofTurn))
  expect(told(one, "trace of the second")).toEqual(new Set(ofTurn))
  expect(told(two, "trace of the second")).toEqual(new Set([...ofTurn, "ack"]))
  await one.send({ type: "message", data: { text: "c" }, id: "m3" })
  const ack = await one.answer("m3")
  expect(ack.trace_id.length).toBeGreaterThan(8)
  expect((await two.next("message", ({ data }) => data.client_id === "m3")).trace_id).toBe(ack.trace_id)
})

test("[P2.3] a refusal carries the trace_id of the frame that it refuses", async () => {
  const { chat } = await scene()
  await using _ = chat
  const client = await chat.connect({ chat: "c1" })
  await client.send({ type: "message", data: { kind: "input", answer: 1 }, trace_id: "t1" })
  expect(await client.next("error")).toMatchObject({ trace_id: "t1", data: { code: "no_question" } })
  expect(decode('{"type":"x","trace_id":"t2"}')).toMatchObject({ ok: false, trace_id: "t2" })
})
