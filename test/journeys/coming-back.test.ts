// No silent gap: who comes back with a cursor gets every later event, or is told that it cannot be had.
import { expect, test } from "bun:test"
import type { Joined, ServerFrame } from "../../src/protocol/server-frame.ts"
import type { TestClient } from "../support/client.ts"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts"

/** A chat with so many exchanges: three events each. */
async function withHistory(exchanges: number, options: TestServerOptions = {}): Promise<TestServer> {
  const chat = await startTestServer({ flows: [{ handler: "echo" }], ...options })
  const client = await chat.connect({ chat: "c1" })
  for (let count = 1; count <= exchanges; count++) {
    await client.say(`${count}`)
    await client.next("end")
  }
  client.close()
  await client.closed
  return chat
}

function startOf(frames: readonly ServerFrame[]): Joined {
  const [first] = frames
  if (first?.type !== "start" || !("session" in first.data)) throw new Error(`no start but ${first?.type}`)
  return first.data
}

const seqs = (frames: readonly ServerFrame[]) => frames.flatMap((frame) => ("seq" in frame ? [frame.seq] : []))
const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, place) => from + place + 1)

for (const cursor of [0, 1, 5, 29, 30]) {
  test(`[P5.3] a client with cursor ${cursor} of 30 gets all later events, in order, and no snapshot`, async () => {
    await using chat = await withHistory(10)
    const client = await chat.connect({ chat: "c1" })
    const frames = await client.join({ cursor })
    expect(startOf(frames)).toMatchObject({ recovered: true, from: cursor, top: 30, turns: [], question: null })
    expect(startOf(frames).snapshot).toBeUndefined()
    expect(seqs(frames)).toEqual(upTo(cursor, 30))
    expect(frames.at(-1)).toMatchObject({ type: "start", data: { replayed: 30 } })
  })
}

test("[P5.3] the events are the same whether they come from memory or, after a restart, from the store", async () => {
  await using first = await withHistory(4)
  const before = await first.connect({ chat: "c1" })
  const live = await before.join({ cursor: 3 })
  await first.stop()
  await using second = await startTestServer({ flows: [{ handler: "echo" }], folder: first.folder })
  const after = await second.connect({ chat: "c1" })
  const stored = await after.join({ cursor: 3 })
  expect(stored.slice(1, -1)).toEqual(live.slice(1, -1))
  expect(startOf(stored).instance).not.toBe(startOf(live).instance)
  expect(startOf(stored).epoch).toBe(startOf(live).epoch)
})

test("[P5.3] a replay is longer than the memory of a chat and than a page of the store, and still whole", async () => {
  await using chat = await withHistory(110)
  const client = await chat.connect({ chat: "c1" })
  expect(seqs(await client.join({ cursor: 0 }))).toEqual(upTo(0, 330))
})

test("[P5.4] without a cursor the answer is a snapshot of the last messages, oldest first, and no events", async () => {
  await using chat = await withHistory(10, { env: { CHAT_MAX_HISTORY_MESSAGES: "4" } })
  const client = await chat.connect({ chat: "c1" })
  const frames = await client.join()
  const start = startOf(frames)
  expect(start).toMatchObject({ recovered: false, from: 30, top: 30 })
  expect(start.snapshot?.map(({ seq }) => seq)).toEqual([25, 26, 28, 29])
  expect(start.snapshot?.map(({ is_bot }) => is_bot)).toEqual([false, true, false, true])
  expect(frames.length).toBe(2)
})

test("[P5.4] a cursor beyond the log is not served: recovered is false", async () => {
  await using chat = await withHistory(1)
  for (const cursor of [4, 1000, Number.MAX_SAFE_INTEGER]) {
    const client = await chat.connect({ chat: "c1" })
    const start = startOf(await client.join({ cursor }))
    expect([cursor, start.recovered, start.top, start.snapshot?.length]).toEqual([cursor, false, 3, 2])
  }
})

test("[P5.4] a cursor of another epoch is not served; one of this epoch is", async () => {
  await using chat = await withHistory(1)
  const client = await chat.connect({ chat: "c1" })
  const { epoch } = startOf(await client.join())
  expect(startOf(await client.join({ cursor: 1, epoch: "of a log that was lost" })).recovered).toBe(false)
  expect(startOf(await client.join({ cursor: 1, epoch })).recovered).toBe(true)
})

test("[P5.4] a cursor more than max_replay_events behind is not served; one exactly so far behind is", async () => {
  await using chat = await withHistory(3, { env: { CHAT_MAX_REPLAY_EVENTS: "5" } })
  const client = await chat.connect({ chat: "c1" })
  const behind = await client.join({ cursor: 3 })
  expect([startOf(behind).recovered, startOf(behind).snapshot?.length, seqs(behind)]).toEqual([false, 6, []])
  expect(seqs(await client.join({ cursor: 4 }))).toEqual([5, 6, 7, 8, 9])
})

for (const cursor of ["-1", "0.5", "NaN", '"1"', "1e300", "null", "[1]", "9007199254740993"]) {
  test(`[P5.5] cursor ${cursor} is bad ${cursor === "NaN" ? "JSON" : "frame"}, and the socket is not joined by it`, async () => {
    const clock = new FakeClock()
    await using chat = await startTestServer({ clock, handlers: { scripted: scriptedHandler().handler } })
    const other = await chat.connect({ chat: "c1" })
    const client = await chat.connect({ chat: "c1" })
    await client.send(`{"type":"start","data":{"cursor":${cursor}},"id":"s1"}`)
    const refusal = await client.next("error")
    expect(refusal.data.code).toBe(cursor === "NaN" ? "bad_json" : "bad_frame")
    await other.say("something happens")
    await client.settled()
    expect(client.frames.map(({ type }) => type)).toEqual(["error", "pong"])
  })
}

test("[P5.1] a socket that has not joined after one second is joined to the URL's chat", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ clock })
  const client = await chat.connect({ chat: "c1" })
  await client.settled()
  await clock.advance(999)
  await client.settled()
  expect(client.frames.every(({ type }) => type === "pong")).toBe(true)
  await clock.advance(1)
  await client.next("start", ({ data }) => "replayed" in data)
})

test("[P5.1] a socket that has joined is not joined again after one second", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ clock })
  const client = await chat.connect({ chat: "c1" })
  await client.join({ cursor: 0 })
  await clock.advance(2000)
  await client.settled()
  expect(client.frames.filter(({ type }) => type === "start").length).toBe(2)
})

for (const type of ["status", "interrupt", "end", "message"] as const) {
  test(`[P5.1] a ${type} for a chat that is not joined yet joins it first`, async () => {
    await using chat = await startTestServer({ handlers: { scripted: scriptedHandler().handler } })
    const client = await chat.connect({ chat: "c1" })
    await client.send(JSON.stringify({ type, data: { text: "hello" }, id: "f1" }))
    expect(await client.answer("f1")).toMatchObject({ type: "ack" })
    expect(client.frames.slice(0, 2)).toMatchObject([
      { type: "start", data: { recovered: false } },
      { type: "start", data: { replayed: 0 } },
    ])
  })
}

test("[P5.2] the answer to start says who serves it, the session, and what is open", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  await client.say("one")
  await bot.run()
  await client.say("two")
  await client.send({ type: "start", data: {}, trace_id: "t1", id: "s1" })
  const { data, trace_id } = await client.next("start", (frame) => frame.trace_id === "t1")
  expect(trace_id).toBe("t1")
  expect(data).toMatchObject({
    session: { chat_id: "c1", state: "running", lifecycle: "active", last_seq: 2, user_id: 1 },
    instance: chat.server.instance,
    turns: [{ state: "running" }, { state: "queued" }],
    question: null,
  })
  expect(await client.answer("s1")).toMatchObject({ type: "ack", data: { seq: null } })
})

test("[P5.2] [P5.3] clients that join while events happen have each event once and in order, wherever they began", async () => {
  await using chat = await withHistory(1)
  const writer = await chat.connect({ chat: "c1" })
  await writer.join()
  const joining: Promise<TestClient>[] = []
  for (let count = 0; count < 30; count++) {
    await writer.send({ type: "message", data: { kind: "command", command: "/help" } })
    const client = await chat.connect({ chat: "c1" })
    joining.push(client.join({ cursor: count % 4 }).then(() => client))
    if (count % 3 === 0) await writer.settled()
  }
  const clients = await Promise.all(joining)
  await Promise.all(clients.map((client) => client.seen(63)))
  for (const [count, client] of clients.entries()) {
    expect(client.events.map(({ seq }) => seq)).toEqual(upTo(count % 4, 63))
  }
})

test("[P5.7] start on a chat that is joined does the same again, while events happen: a client can fill a gap", async () => {
  await using chat = await withHistory(1)
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  for (let count = 0; count < 20; count++) {
    await client.send({ type: "message", data: { kind: "command", command: "/help" } })
    await client.send({ type: "start", data: { cursor: 3 }, id: `s${count}` })
  }
  await client.answer("s19")
  await client.settled()
  // Each replay is whole and in order, and what is live comes once, after it.
  let last = 3
  for (const frame of client.frames) {
    if (frame.type === "start" && "session" in frame.data) last = frame.data.from
    if ("seq" in frame && frame.seq !== undefined) {
      expect(frame.seq).toBe(last + 1)
      last = frame.seq
    }
  }
  expect(last).toBe(43)
})
