// The client against the real service, over wires that break.
import { expect, test } from "bun:test"
import { connectChat } from "../../src/client/chat.ts"
import type { ChatOptions } from "../../src/client/options.ts"
import { FakeClock } from "../support/clock.ts"
import { FaultProxy } from "../support/fault-proxy.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

function chatWith(server: TestServer, options: Partial<ChatOptions> = {}) {
  // Small pauses, so that a cut costs the test milliseconds.
  return connectChat({
    ...{ url: server.url, flow_id: "default", token: () => server.token(), random: () => 0.05 },
    ...options,
  })
}

test("[P5.3, P6.1] an answer during which the wire breaks is whole, and each event is seen once", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  using wire = await FaultProxy.to(server.url)
  using chat = chatWith(server, { url: `ws://${wire.address}` })
  const streamed: string[] = []
  chat.on("progress", (news) => "delta" in news && streamed.push(news.delta))
  const events = Array.fromAsync(untilEnd(chat.events()))
  const { seq } = await chat.send("hello")
  expect(seq).toBe(1)
  const run = await bot.run()
  for (const word of ["one ", "two 😀 ", "three 漢 ", "four "]) {
    const seen = nextOf((act) => chat.on("progress", act))
    await run.say(word)
    await seen
    const lost = nextOf((act) => chat.on("connection", ({ state }) => state === "waiting" && act()))
    wire.cut()
    await lost
    await run.say("unheard ")
    wire.mend()
    await chat.ready()
  }
  run.done()
  const log = await events
  const text = "one unheard two 😀 unheard three 漢 unheard four unheard "
  expect(log.map((event) => [event.type, "seq" in event && event.seq])).toEqual([
    ["snapshot", false],
    ["message", 1],
    ["result", 2],
    ["end", 3],
  ])
  expect(streamed.join("")).toBe(text)
  expect(log[2]).toMatchObject({ data: { message: text } })
})

test("[P3.3, P7.6] more messages than the limits allow are all kept, once and in order, over cuts", async () => {
  await using server = await startTestServer({
    env: { CHAT_RATE_LIMIT: "100", CHAT_RATE_BURST: "10", CHAT_MAX_QUEUED_TURNS: "1000" },
  })
  using wire = await FaultProxy.to(server.url)
  using chat = chatWith(server, { url: `ws://${wire.address}`, cursor: 0 })
  const said: (string | null)[] = []
  chat.on("message", ({ message }) => said.push(message))
  const texts = Array.from({ length: 60 }, (_, at) => `message ${at}`)
  const sent = texts.map((text, at) =>
    chat.send(text).then((ack) => {
      if (at % 20 !== 10) return ack
      wire.cut()
      wire.mend()
      return ack
    }),
  )
  await Promise.all(sent)
  await chat.ready()
  expect([...said].sort()).toEqual([...texts].sort())
  expect(new Set(said).size).toBe(texts.length)
})

test("[P5.4] a cursor of another epoch ends in a snapshot", async () => {
  await using server = await startTestServer()
  using first = chatWith(server, { chat_id: "c_epoch" })
  await first.send("hello")
  await nextOf((act) => first.on("end", act))
  const { cursor, epoch } = first
  using same = chatWith(server, { chat_id: "c_epoch", cursor, epoch })
  await same.ready()
  expect([same.cursor, same.epoch]).toEqual([cursor, epoch])
  using other = chatWith(server, { chat_id: "c_epoch", cursor, epoch: "of another time" })
  const snapshot = new Promise<number>((resolve) => other.on("snapshot", ({ messages }) => resolve(messages.length)))
  expect(await snapshot).toBe(2)
  expect(other.epoch).toBe(epoch)
})

test("[P6.4, P6.6, P6.8] stopping, asking and ending work, and a refusal is a ClientError", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  using chat = chatWith(server)
  await chat.send("go on")
  const run = await bot.run()
  await run.say("on ")
  expect((await chat.status()).state).toBe("running")
  const end = new Promise<string>((resolve) => chat.on("end", ({ state }) => resolve(state)))
  expect(await chat.interrupt()).toBe("requested")
  expect(await end).toBe("interrupted")
  expect(await chat.interrupt()).toBe("too_late")
  expect((await chat.end()).seq).toBeGreaterThan(0)
  await expect(chat.send("more")).rejects.toMatchObject({ name: "ClientError", code: "session_ended", retry: false })
})

test("[P8.2] a token that is not valid, and too many connections, end the chat with the service's sentence", async () => {
  await using server = await startTestServer({ env: { CHAT_MAX_CONNECTIONS_PER_USER: "1" } })
  using bad = chatWith(server, { token: "nonsense" })
  await expect(bad.ready()).rejects.toMatchObject({ code: "unauthorized", close_code: 4500 })
  using one = chatWith(server)
  await one.ready()
  using two = chatWith(server)
  await expect(two.ready()).rejects.toMatchObject({ code: "too_many_connections", close_code: 4504 })
})

test("[P7.4] a token is renewed in band before it expires, and the connection stays", async () => {
  const clock = new FakeClock()
  await using server = await startTestServer({ clock })
  let tokens = 0
  using chat = chatWith(server, {
    token: () => {
      tokens += 1
      return server.token(1, { ttl_s: 120 })
    },
  })
  const states: string[] = []
  chat.on("connection", ({ state }) => states.push(state))
  await chat.ready()
  // Ten minutes, in steps shorter than a pong may take: the sockets are real.
  for (let step = 0; step < 120; step++) {
    await clock.advance(5000)
    await chat.status()
  }
  expect(states).toEqual(["connecting", "connected"])
  expect(tokens).toBeGreaterThan(5)
})

test("[P8.1] when the instance shuts down the client comes back after a random pause", async () => {
  await using server = await startTestServer()
  using chat = chatWith(server)
  await chat.ready()
  const waiting = new Promise((resolve) =>
    chat.on("connection", (state) => state.state === "waiting" && resolve(state)),
  )
  await server.stop()
  expect(await waiting).toMatchObject({ code: 4001, reason: { code: "draining" } })
})

function nextOf(listen: (act: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    const off = listen(() => {
      off()
      resolve()
    })
  })
}

async function* untilEnd<T extends { readonly type: string }>(events: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const event of events) {
    yield event
    if (event.type === "end") return
  }
}
