// The heartbeat has a deadline of its own: a client that is gone is noticed, also while frames go out to it.
import { expect, test } from "bun:test"
import { FakeClock } from "../support/clock.ts"
import { RawSocket } from "../support/raw-socket.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

async function scene() {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  const chat = await startTestServer({ clock, handlers: { scripted: bot.handler } })
  return { clock, bot, chat }
}

async function raw(chat: TestServer, pongs: boolean): Promise<RawSocket> {
  const socket = await RawSocket.open(`${chat.url}/chat/default?chat_id=c1`, { token: await chat.token(), pongs })
  socket.send({ type: "start", data: {} })
  await socket.until(() => socket.frames.length >= 2, "the join")
  return socket
}

test("[P7.1] each 30 s the server sends a WebSocket ping and a frame with the top of the chat", async () => {
  const { clock, bot, chat } = await scene()
  await using _ = chat
  using socket = await raw(chat, true)
  socket.send({ type: "message", data: { text: "a" }, id: "m1" })
  const run = await bot.run()
  run.done()
  await socket.until(() => socket.frames.some(({ type }) => type === "end"), "the end")
  for (let count = 1; count <= 3; count++) {
    await clock.advance(29_000)
    expect(socket.pings).toBe(count - 1)
    await clock.advance(1000)
    await socket.until(() => socket.pings === count, "the ping")
    const pings = () => socket.frames.flatMap((frame) => (frame.type === "ping" ? [frame.data] : []))
    await socket.until(() => pings().length === count, "the frame")
    expect(pings().at(-1)).toEqual({ top: { c1: 2 } })
  }
  expect(socket.closed).toBeNull()
})

test("[P7.2] no sign of life within 10 s of the ping: closed with 4012, without an error frame", async () => {
  const { clock, chat } = await scene()
  await using _ = chat
  using socket = await raw(chat, false)
  await clock.advance(30_000)
  await socket.until(() => socket.pings === 1, "the ping")
  await clock.advance(9000)
  expect(socket.closed).toBeNull()
  await clock.advance(1000)
  await socket.until(() => socket.closed === 4012, "the close")
  expect(socket.frames.some(({ type }) => type === "error")).toBe(false)
  expect(chat.server.manager.getActiveSessions()).toEqual([])
})

test("[P7.2] a client that is gone is noticed also while frames go out to it", async () => {
  const { clock, bot, chat } = await scene()
  await using _ = chat
  using socket = await raw(chat, false)
  const other = await chat.connect({ chat: "c1" })
  await other.say("talk")
  const run = await bot.run()
  for (let second = 0; second < 40; second++) {
    await run.say(`${second} `)
    await clock.advance(1000)
  }
  await socket.until(() => socket.closed === 4012, "the close")
  await other.settled()
})

const signs: Record<string, (socket: RawSocket) => void> = {
  "a pong frame": (socket) => socket.send({ type: "pong" }),
  "a frame of any other kind": (socket) => socket.send({ type: "status" }),
  "a frame that is refused": (socket) => socket.send({ type: "nonsense" }),
  "a WebSocket ping": (socket) => socket.ping(),
}

for (const [what, give] of Object.entries(signs)) {
  test(`[P7.2] ${what} counts as the pong`, async () => {
    const { clock, chat } = await scene()
    await using _ = chat
    using socket = await raw(chat, false)
    await clock.advance(30_000)
    await socket.until(() => socket.pings === 1, "the ping")
    give(socket)
    await clock.advance(29_000)
    expect(socket.closed).toBeNull()
    await clock.advance(1000)
    await socket.until(() => socket.pings === 2, "the next ping")
  })
}

test("[P7.2] the WebSocket pong that every library sends by itself counts", async () => {
  const { clock, chat } = await scene()
  await using _ = chat
  using socket = await raw(chat, true)
  for (let minute = 0; minute < 5; minute++) await clock.advance(60_000)
  await socket.until(() => socket.pings === 10, "ten pings")
  expect(socket.closed).toBeNull()
})

test("[P7.3] a client's ping is answered by pong with its trace_id, and by ack when it has an id", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect()
  await client.send({ type: "ping", trace_id: "t1" })
  expect(await client.next("pong")).toMatchObject({ data: {}, trace_id: "t1" })
  await client.send({ type: "ping", trace_id: "t2", id: "p2" })
  expect(await client.answer("p2")).toMatchObject({ type: "ack", data: { seq: null, dup: false }, trace_id: "t2" })
  expect(client.frames.filter(({ type }) => type === "pong").length).toBe(2)
})

test("[P7.3] a ping says nothing about a chat: the socket is not joined by it", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ clock })
  const client = await chat.connect({ chat: "c1" })
  await client.settled()
  expect(client.frames.map(({ type }) => type)).toEqual(["pong"])
})

test("[P7.7] a client may say up to where it has read: it is taken, acked when it has an id, and leaves nothing in the log", async () => {
  await using chat = await startTestServer({ handlers: { scripted: scriptedHandler().handler } })
  const client = await chat.connect({ chat: "c1" })
  await client.say("a")
  for (const seq of [1, 5, 1, 2 ** 40]) {
    expect(await client.ask({ type: "ack", data: { seq } })).toMatchObject({ type: "ack", data: { seq: null } })
  }
  await client.send({ type: "ack", data: { seq: 1 } })
  await client.settled()
  expect(client.events.map(({ seq }) => seq)).toEqual([1])
})
