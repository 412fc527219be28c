// The order of one socket's frames, however many there are, and what happens to them when the socket goes.
import { expect, test } from "bun:test"
import type { Database } from "../../src/store/database.ts"
import { FakeClock } from "../support/clock.ts"
import { type Watched, watched } from "../support/database.ts"
import { RawSocket } from "../support/raw-socket.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { until } from "../support/until.ts"

const bots = () => ({ handlers: { scripted: scriptedHandler().handler } })

test("[P2.4] 300 frames at once are handled one after the other, in the order they were sent", async () => {
  await using chat = await startTestServer({ ...bots(), env: { CHAT_MAX_QUEUED_TURNS: "1000" } })
  const client = await chat.connect({ chat: "c1" })
  const ids = Array.from({ length: 300 }, (_, place) => `m${place}`)
  for (const [place, id] of ids.entries()) {
    // Long enough that they do not all come with one read of the socket.
    if (place % 3 === 0) await client.send({ type: "message", data: { text: id.padEnd(9000) }, id })
    else if (place % 3 === 1) await client.send({ type: "status", id })
    else await client.send({ type: "message", data: { kind: "text", text: "" }, id })
  }
  await client.answer("m299")
  const answers = client.frames.flatMap((frame) => ("id" in frame && frame.id !== undefined ? [frame.id] : []))
  expect(answers).toEqual(ids)
  const said = client.frames.flatMap((frame) => (frame.type === "message" ? [frame.data.message?.trim()] : []))
  expect(said).toEqual(ids.filter((_, place) => place % 3 === 0))
})

test("[P2.4] what is said without waiting shares a commit, up to 16 messages, and is stored and answered in its order", async () => {
  const dbs: Watched[] = []
  const database = (real: Database) => {
    const db = watched(real)
    dbs.push(db)
    return db
  }
  await using chat = await startTestServer({ ...bots(), database, env: { CHAT_MAX_QUEUED_TURNS: "100" } })
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  const [db] = dbs
  if (!db) throw new Error("no database")
  const go = db.hold()
  const before = db.batches.length
  const ids = Array.from({ length: 33 }, (_, place) => `m${place}`)
  for (const id of ids) await client.send({ type: "message", data: { text: id }, id })
  await db.held()
  go()
  await client.answer("m32")
  const answers = client.frames.flatMap((frame) => (frame.type === "ack" ? [frame.data] : []))
  expect(answers).toEqual(ids.map((id, place) => ({ id, seq: place + 1, dup: false })))
  // The first alone, then 15, 16 and 1; or a few more, as the socket is read. Never one for each.
  expect(db.batches.length - before).toBeLessThan(10)
})

test("[P2.4] a stop that was sent right behind what was said stops its turn", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  await client.send({ type: "message", data: { text: "a" }, id: "m1" })
  await client.send({ type: "interrupt", id: "i1" })
  expect(await client.next("end")).toMatchObject({ data: { state: "interrupted", reason: "stopped" } })
})

test("[P2.4] what is said right after connecting is looked at after the chat is there", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  await client.send({ type: "status", id: "s1" })
  await client.send({ type: "message", data: { text: "a" }, id: "m1" })
  await client.answer("m1")
  expect(client.frames.slice(0, 4).map(({ type }) => type)).toEqual(["start", "start", "status", "ack"])
  expect(client.frames.filter(({ type }) => type === "ack").map(({ data }) => data)).toEqual([
    { id: "s1", seq: null, dup: false },
    { id: "m1", seq: 1, dup: false },
  ])
})

test("[P2.4] a client that sends a thousand frames and breaks off leaves nothing behind, and others are served", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ ...bots(), clock, env: { CHAT_MAX_CONNECTIONS_PER_USER: "1" } })
  const token = await chat.token(2)
  const flood = await RawSocket.open(`${chat.url}/chat/default?chat_id=flood`, { token })
  for (let count = 0; count < 1000; count++) flood.send({ type: "status", id: `s${count}` })
  flood.cut()
  const other = await chat.connect({ chat: "c1" })
  expect(await other.say("hello")).toMatchObject({ type: "ack" })
  await until(() => chat.server.manager.getActiveSessions().length === 1, "the chat of the one who left to be left")
  // Its place among the user's connections is free again.
  const again = await chat.connect({ chat: "flood", user: 2 })
  await again.join()
})

test("[P3.2] what was accepted of a socket that broke off is kept, the rest is not there: a prefix of what was sent", async () => {
  await using chat = await startTestServer({ ...bots(), env: { CHAT_MAX_QUEUED_TURNS: "1000" } })
  const client = await chat.connect({ chat: "c1" })
  for (let count = 1; count <= 100; count++) {
    await client.send({ type: "message", data: { text: `${count}` }, id: `m${count}` })
  }
  await client.answer("m10")
  client.cut()
  const acked = client.frames.filter(({ type }) => type === "ack").length
  const reader = await chat.connect({ chat: "c1" })
  await reader.join({ cursor: 0 })
  await reader.settled()
  const texts = reader.events.flatMap((frame) => (frame.type === "message" ? [frame.data.message] : []))
  expect(texts.length).toBeGreaterThanOrEqual(acked)
  expect(texts).toEqual(texts.map((_, place) => `${place + 1}`))
})
