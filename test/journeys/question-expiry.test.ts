// A question has its time: when that is over it is closed once, on whatever instance, also when nobody looks on or all was down.
import { expect, test } from "bun:test"
import type { ServerFrameOf } from "../../src/protocol/server-frame.ts"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

const secret = "a secret for both instances, long enough to be one"

async function scene(options: Omit<TestServerOptions, "handlers" | "clock"> = {}, expires_in_s = 60) {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler }, clock, ...options })
  const client = await chat.connect({ chat: "c1" })
  await client.say("book")
  void (await bot.run()).yield({ type: "question", prompt: "Where to?", expires_in_s })
  const { data } = await client.next("end")
  if (!data.question) throw new Error("the turn ended without a question")
  return { clock, bot, chat, client, question: data.question }
}

const isExpiry = ({ seq, data }: ServerFrameOf<"status">) => seq !== undefined && data.changed.includes("question")

/** Moves the time until the question of the chat is closed, and says how it is told. */
async function expiryOf(chat: TestServer, clock: FakeClock) {
  const watcher = await chat.connect({ chat: "c1" })
  await watcher.join({ cursor: 0 })
  const frame = () => watcher.frames.filter((frame) => frame.type === "status").find(isExpiry)
  while (!frame()) await clock.advance(100)
  return { frame: frame(), watcher }
}

const statusOf = async (chat: TestServer) =>
  ((await (await chat.fetch("/chat/session/c1")).json()) as { data: { state: string; question: unknown } }).data

test("[P6.14] when its time is over, everybody is told that the question is closed and the session rests", async () => {
  const { clock, chat, client, question } = await scene()
  await using _ = chat
  expect(question.expires_at).toBe(new Date(clock.now() + 60_000).toISOString())
  await clock.advance(59_000)
  expect(await statusOf(chat)).toMatchObject({ state: "waiting_input", question })
  await clock.advance(1000)
  const { data, seq } = await client.next("status", isExpiry)
  expect(data).toMatchObject({ changed: ["question", "state"], question: null, state: "completed", turns: [] })
  expect(seq).toBe(4)
  expect(await statusOf(chat)).toMatchObject({ state: "completed", question: null })
  await clock.advance(10_000)
  await client.settled()
  expect(client.events).toHaveLength(4)
})

test("[P6.14] an answer that comes too late is refused with question_expired, before anybody noticed and after; a text is an ordinary message", async () => {
  const { clock, bot, chat, client, question } = await scene({}, 60.5)
  await using _ = chat
  const answer = (input_id?: string) =>
    client.ask({ type: "message", data: { kind: "input", answer: "Rome", ...(input_id ? { input_id } : {}) } })
  await clock.advance(60_499)
  // The next look at the store is more than half a second away.
  await client.settled()
  await clock.advance(1)
  expect(await answer(question.input_id)).toMatchObject({ data: { code: "question_expired", retry: false } })
  expect(await answer()).toMatchObject({ data: { code: "question_expired" } })
  await client.say("Rome")
  const { message } = (await bot.run()).context
  expect(message.parts).toEqual([])
  while ((await statusOf(chat)).question) await clock.advance(100)
  expect(await answer(question.input_id)).toMatchObject({ data: { code: "question_expired" } })
  expect(await answer()).toMatchObject({ data: { code: "no_question" } })
})

test("[P6.14] a question that expires while a turn runs is closed; the session goes on running", async () => {
  const { clock, bot, chat, client } = await scene()
  await using _ = chat
  await client.ask({
    type: "message",
    data: { kind: "file", files: [{ name: "a", url: "https://files.example.org/a", mime_type: "text/plain" }] },
  })
  const busy = await bot.run()
  await clock.advance(61_000)
  const { data } = await client.next("status", isExpiry)
  expect(data).toMatchObject({ changed: ["question"], question: null, state: "running" })
  expect(await statusOf(chat)).toMatchObject({ state: "running", question: null })
  busy.done()
  await client.next("end")
  expect(await statusOf(chat)).toMatchObject({ state: "completed", question: null })
})

test("[P6.14] a question whose time came while the service was down is closed when it is back", async () => {
  const { clock, bot, chat, question } = await scene()
  await using _ = chat
  await chat.stop()
  await clock.advance(3_600_000)
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, clock, folder: chat.folder })
  const { frame, watcher } = await expiryOf(again, clock)
  expect(frame).toMatchObject({ seq: 4, data: { state: "completed", question: null } })
  const late = await watcher.ask({ type: "message", data: { kind: "input", answer: 1, input_id: question.input_id } })
  expect(late).toMatchObject({ data: { code: "question_expired" } })
})

test("[P6.14] answered in time, it does not expire", async () => {
  const { clock, bot, chat, client } = await scene()
  await using _ = chat
  await clock.advance(59_999)
  await client.say("Rome")
  ;(await bot.run()).done()
  await client.next("end")
  await clock.advance(5000)
  await client.settled()
  expect(client.events.map(({ type }) => type)).toEqual(["message", "result", "end", "message", "end"])
})

test.skipIf(noSqld !== null)("[P6.14] of two instances one closes it, once, and both tell", async () => {
  await using sqld = await startSqld()
  const env = { DATABASE_URL: sqld.url, JWT_SECRET: secret }
  const { clock, bot, chat: a, client: phone } = await scene({ env })
  await using _ = a
  await using b = await startTestServer({ handlers: { scripted: bot.handler }, clock, env })
  const laptop = await b.connect({ chat: "c1" })
  await laptop.join({ cursor: 0 })
  await clock.advance(58_000)
  const { frame } = await expiryOf(b, clock)
  expect(frame?.seq).toBe(4)
  while (phone.events.length < 4) await clock.advance(100)
  await clock.advance(5000)
  await Promise.all([phone.settled(), laptop.settled()])
  expect(phone.events.map(({ type }) => type)).toEqual(["message", "result", "end", "status"])
  expect(laptop.events).toEqual(phone.events)
})
