// An instance that is full: no further chat is served here, those that are served go on.
import { expect, test } from "bun:test"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { until } from "../support/until.ts"

async function scene(limit: string) {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  const env = { CHAT_MAX_CONCURRENT_SESSIONS: limit }
  const chat = await startTestServer({ clock, env, handlers: { scripted: bot.handler } })
  return { clock, bot, chat }
}

test("[P8.2] one chat more than max_concurrent_sessions is refused with too_many_sessions and closed with 4014", async () => {
  const { chat } = await scene("2")
  await using _ = chat
  const clients = [await chat.connect({ chat: "c1" }), await chat.connect({ chat: "c2" })]
  await Promise.all(clients.map((client) => client.join()))
  const third = await chat.connect({ chat: "c3" })
  await third.send({ type: "message", data: { text: "hello" }, id: "m1" })
  expect(await third.closed).toMatchObject({ code: 4014 })
  expect(third.frames).toMatchObject([
    { type: "error", id: "m1", data: { code: "too_many_sessions", retry: true, retry_after_ms: 5000 } },
  ])
  // Those that are there go on, and others may look at them.
  expect(await clients[0]?.say("hello")).toMatchObject({ type: "ack" })
  await (await chat.connect({ chat: "c2" })).join()
})

test("[P8.2] a socket that says nothing and is joined after a second is told the same, and the service goes on", async () => {
  const { clock, chat } = await scene("1")
  await using _ = chat
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  const silent = await chat.connect({ chat: "c2" })
  await silent.settled()
  await clock.advance(1000)
  expect(await silent.closed).toMatchObject({ code: 4014 })
  expect(silent.frames.at(-1)).toMatchObject({ type: "error", data: { code: "too_many_sessions" } })
  await client.settled()
})

test("[P8.2] when a chat is left there is room again", async () => {
  const { chat } = await scene("1")
  await using _ = chat
  const first = await chat.connect({ chat: "c1" })
  await first.join()
  first.close()
  await until(() => chat.server.manager.getActiveSessions().length === 0, "the chat to be left")
  await (await chat.connect({ chat: "c2" })).join()
})

test("[P8.2] a chat that nobody looks at but whose bot works counts, and its person may come back to it", async () => {
  const { bot, chat } = await scene("1")
  await using _ = chat
  const first = await chat.connect({ chat: "c1" })
  await first.say("work")
  const run = await bot.run()
  first.cut()
  await until(() => chat.server.manager.getActiveSessions()[0]?.connections === 0, "the client to be gone")
  const other = await chat.connect({ chat: "c2" })
  await other.send({ type: "start" })
  expect(await other.closed).toMatchObject({ code: 4014 })
  const back = await chat.connect({ chat: "c1" })
  await back.join({ cursor: 0 })
  run.done()
  await back.next("end")
})

test("[P8.2] of many that come at once no more than max_concurrent_sessions are let in", async () => {
  const { chat } = await scene("3")
  await using _ = chat
  const clients = await Promise.all(Array.from({ length: 12 }, (_, place) => chat.connect({ chat: `c${place}` })))
  const outcomes = await Promise.all(
    clients.map((client) =>
      client.join().then(
        () => "joined",
        () => client.closed.then(({ code }) => code),
      ),
    ),
  )
  expect(outcomes.filter((outcome) => outcome === "joined").length).toBe(3)
  expect(outcomes.filter((outcome) => outcome === 4014).length).toBe(9)
})

test("[P8.2] another chat that a socket names when the instance is full is refused, and the socket stays", async () => {
  const { chat } = await scene("2")
  await using _ = chat
  for (const name of ["c1", "c2", "c3"]) {
    const body = JSON.stringify({ flow_id: "default", chat_id: name })
    await chat.fetch("/chat/session/create", { method: "POST", body, headers: { "content-type": "application/json" } })
  }
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  await client.join({}, "c2")
  expect(await client.ask({ type: "status", chat_id: "c3" })).toMatchObject({ data: { code: "too_many_sessions" } })
  expect(await client.say("still here")).toMatchObject({ type: "ack" })
})
