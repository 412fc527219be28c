// One socket, several chats of its user: the URL's, and others that it names in its frames.
import { expect, test } from "bun:test"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const bots = () => ({ handlers: { scripted: scriptedHandler().handler } })

async function make(chat: TestServer, chat_id: string, user = 1): Promise<void> {
  const body = JSON.stringify({ flow_id: "default", chat_id })
  const headers = { "content-type": "application/json" }
  const answer = await chat.fetch("/chat/session/create", { method: "POST", body, headers, user })
  expect(answer.status).toBe(201)
}

test("[P1.5] a socket joins several chats; each frame says whose it is, and each chat has its own order", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  await make(chat, "two")
  const client = await chat.connect({ chat: "one" })
  await client.join()
  await client.join({}, "two")
  await client.ask({ type: "message", data: { text: "to one" } })
  await client.ask({ type: "message", data: { text: "to two" }, chat_id: "two" })
  for (const text of ["answer one", "answer two"]) {
    const run = await bot.run()
    await run.say(text)
    run.done()
  }
  await client.next("end", ({ chat_id }) => chat_id === "one")
  await client.next("end", ({ chat_id }) => chat_id === "two")
  const of = (chat_id: string) => client.events.filter((frame) => frame.chat_id === chat_id).map(({ seq }) => seq)
  expect(of("one")).toEqual([1, 2, 3])
  expect(of("two")).toEqual([1, 2, 3])
  const results = client.frames.flatMap((frame) => (frame.type === "result" ? [frame] : []))
  expect(results.map(({ chat_id, data }) => [chat_id, data.chat_id, data.message])).toEqual([
    ["one", "one", "answer one"],
    ["two", "two", "answer two"],
  ])
})

test("[P1.5] chat_id defaults to the URL's chat", async () => {
  await using chat = await startTestServer(bots())
  await make(chat, "two")
  const client = await chat.connect({ chat: "one" })
  await client.join({}, "two")
  expect(await client.ask({ type: "status" })).toMatchObject({ type: "ack", chat_id: "one" })
  expect(await client.ask({ type: "status", chat_id: "one" })).toMatchObject({ type: "ack", chat_id: "one" })
})

test("[P1.5] a chat other than the URL's must exist before; naming it neither makes it nor closes the socket", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "one" })
  const frame = { type: "message" as const, data: { text: "hello" }, chat_id: "never-made" }
  expect(await client.ask(frame)).toMatchObject({ type: "error", data: { code: "not_found" }, chat_id: "never-made" })
  expect(await client.say("still here")).toMatchObject({ type: "ack", chat_id: "one" })
  expect((await chat.fetch("/chat/session/never-made")).status).toBe(404)
})

test("[P1.5] a socket joins at most max_chats_per_connection chats, then too_many_chats; those it has go on", async () => {
  await using chat = await startTestServer({ ...bots(), env: { CHAT_MAX_CHATS_PER_CONNECTION: "2" } })
  for (const chat_id of ["two", "three"]) await make(chat, chat_id)
  const client = await chat.connect({ chat: "one" })
  await client.join({}, "two")
  const third = await client.ask({ type: "status", chat_id: "three" })
  expect(third).toMatchObject({ type: "error", data: { code: "too_many_chats" } })
  expect(await client.ask({ type: "status", chat_id: "two" })).toMatchObject({ type: "ack" })
  expect(await client.ask({ type: "status" })).toMatchObject({ type: "ack" })
})

test("[P1.5] [P7.1] the ping tells the top of every chat that the socket has joined", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ ...bots(), clock })
  await make(chat, "two")
  const client = await chat.connect({ chat: "one" })
  await client.join({}, "two")
  await client.ask({ type: "message", data: { text: "a" }, chat_id: "two" })
  await client.join()
  await clock.advance(30_000)
  expect((await client.next("ping")).data.top).toEqual({ one: 0, two: 1 })
})

test("[P1.5] another chat that is deleted is told as chat_deleted; the socket and its own chat go on", async () => {
  await using chat = await startTestServer(bots())
  await make(chat, "two")
  const client = await chat.connect({ chat: "one" })
  await client.join()
  await client.join({}, "two")
  expect((await chat.fetch("/chat/session/two", { method: "DELETE" })).status).toBe(200)
  const refusal = await client.next("error")
  expect(refusal).toMatchObject({ chat_id: "two", data: { code: "chat_deleted", retry: false } })
  expect(await client.say("still here")).toMatchObject({ type: "ack", data: { seq: 1 } })
  expect(await client.ask({ type: "status", chat_id: "two" })).toMatchObject({ data: { code: "not_found" } })
})
