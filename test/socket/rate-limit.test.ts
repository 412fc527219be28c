// A client that sends too fast is told how long to wait; one that goes on regardless is sent away.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { RateLimit } from "../../src/rate-limit.ts"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene() {
  const clock = new FakeClock()
  const env = { CHAT_RATE_LIMIT: "2", CHAT_RATE_BURST: "5" }
  const chat = await startTestServer({ clock, env, handlers: { scripted: scriptedHandler().handler } })
  return { clock, chat, client: await chat.connect({ chat: "c1" }) }
}

test("[P7.6] each frame over the limit gets rate_limited with its id and the time to wait; it is not looked at", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  for (let count = 1; count <= 8; count++) {
    await client.send({ type: "message", data: { text: `${count}` }, id: `m${count}`, trace_id: `t${count}` })
  }
  await client.answer("m8")
  const refusals = client.frames.flatMap((frame) => (frame.type === "error" ? [frame] : []))
  expect(refusals).toMatchObject(
    [6, 7, 8].map((count) => ({
      ...{ id: `m${count}`, trace_id: `t${count}` },
      data: { code: "rate_limited", retry: true, retry_after_ms: (count - 4) * 500, id: `m${count}` },
    })),
  )
  expect(client.frames.flatMap((frame) => (frame.type === "message" ? [frame.data.message] : []))).toEqual([
    ...["1", "2", "3", "4", "5"],
  ])
})

test("[P7.6] after the time to wait the same frame is taken", async () => {
  const { clock, chat, client } = await scene()
  await using _ = chat
  for (let count = 1; count <= 6; count++) await client.say(`${count}`, `m${count}`)
  const refusal = await client.answer("m6")
  const wait = refusal.type === "error" ? refusal.data.retry_after_ms : undefined
  expect(wait).toBe(1000)
  await clock.advance(1000)
  await client.send({ type: "message", data: { kind: "text", text: "6" }, id: "m6b" })
  expect(await client.answer("m6b")).toMatchObject({ type: "ack", data: { seq: 6 } })
})

test("[P7.6] one that goes on at ten times the burst is closed with 4013, after being told why", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  for (let count = 1; count <= 60; count++) await client.send({ type: "ping", id: `p${count}` })
  expect(await client.closed).toMatchObject({ code: 4013 })
  expect(client.frames.at(-1)).toMatchObject({ type: "error", data: { code: "too_fast", retry: true } })
})

test("[P7.6] frames that cannot be understood, or that are too large, count as well", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  for (let count = 1; count <= 5; count++) await client.send(count % 2 ? "{" : `"${"x".repeat(200_000)}"`)
  expect(await client.ask({ type: "status" })).toMatchObject({ type: "error", data: { code: "rate_limited" } })
})

test("[P7.6] the limit is a socket's own: others are served", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  for (let count = 1; count <= 8; count++) await client.send({ type: "ping", id: `p${count}` })
  await client.answer("p8")
  const other = await chat.connect({ chat: "c1" })
  expect(await other.say("hello")).toMatchObject({ type: "ack" })
})

test("[P7.6] so many at once, so many a second on average, and never more saved up than a burst", async () => {
  const clock = new FakeClock()
  const limit = new RateLimit(clock, { rate: 10, burst: 3 })
  const take = (times: number) => Array.from({ length: times }, () => limit.take())
  expect(take(4)).toEqual([0, 0, 0, 200])
  await clock.advance(200)
  expect(take(2)).toEqual([0, 200])
  await clock.advance(3_600_000)
  expect(take(4)).toEqual([0, 0, 0, 200])
})

test("[P7.6] a time of day that is set back is nobody's debt", () => {
  let now = 1_000_000
  const limit = new RateLimit({ ...systemClock, now: () => now }, { rate: 10, burst: 3 })
  expect(limit.take()).toBe(0)
  now -= 3_600_000
  expect(limit.take()).toBe(0)
  expect(limit.debt).toBe(0)
})

test("a user who makes chat after chat is told to wait; others, and chats that are there, are not affected", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ clock, env: { CHAT_NEW_CHATS_RATE: "60", CHAT_NEW_CHATS_BURST: "3" } })
  for (const name of ["a", "b", "c"]) await (await chat.connect({ chat: name })).join()
  const refused = await chat.connect({ chat: "d" })
  expect((await refused.next("error")).data).toMatchObject({
    code: "too_many_new_chats",
    retry: true,
    retry_after_ms: 2000,
  })
  expect(await refused.closed).toMatchObject({ code: 4013 })
  const body = JSON.stringify({ flow_id: "default" })
  const rest = await chat.fetch("/chat/session/create", {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  })
  expect([rest.status, rest.headers.get("retry-after")]).toEqual([429, "3"])
  await (await chat.connect({ chat: "a" })).join()
  await (await chat.connect({ chat: "d", user: 2 })).join()
  await clock.advance(5000)
  await (await chat.connect({ chat: "d" })).join()
})

test("one user cannot take all the chats of an instance", async () => {
  await using chat = await startTestServer({ env: { CHAT_MAX_CHATS_PER_USER: "2" } })
  const [first] = [await chat.connect({ chat: "a" }), await chat.connect({ chat: "b" })]
  for (const client of [first, await chat.connect({ chat: "b" })]) await client.join()
  const third = await chat.connect({ chat: "c" })
  await third.send({ type: "start", data: {} })
  expect((await third.next("error")).data).toMatchObject({ code: "too_many_chats" })
  first.close()
  await first.closed
  await third.join()
})
