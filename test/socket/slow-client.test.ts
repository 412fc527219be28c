// A slow client hurts itself only, and never loses a durable event without knowing.
import { expect, test } from "bun:test"
import type { ServerFrame } from "../../src/protocol/server-frame.ts"
import { FakeClock } from "../support/clock.ts"
import { RawSocket } from "../support/raw-socket.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { until } from "../support/until.ts"

const KiB = 1024

async function raw(chat: TestServer, start: object | null = {}, chat_id = "c1"): Promise<RawSocket> {
  const socket = await RawSocket.open(`${chat.url}/chat/default?chat_id=${chat_id}`, { token: await chat.token() })
  if (start) socket.send({ type: "start", data: start })
  return socket
}

const isReplayed = (frame: ServerFrame) => frame.type === "start" && "replayed" in frame.data

function joined(socket: RawSocket): Promise<void> {
  return socket.until(() => socket.frames.some(isReplayed), "the join")
}

/** The text of the one answer, put together by offset; `start` names where the client began. */
function streamed(frames: readonly ServerFrame[]): string {
  let text = ""
  for (const frame of frames) {
    if (frame.type !== "progress" || frame.data.kind !== "text") continue
    if (frame.data.offset > text.length) throw new Error(`a hole at ${text.length}`)
    text = text.slice(0, frame.data.offset) + frame.data.text
  }
  return text
}

const seqs = (frames: readonly ServerFrame[]) =>
  frames.flatMap((frame) => ("seq" in frame && frame.seq !== undefined ? [frame.seq] : []))

test("[P7.5] [P6.1] above 256 KiB waiting a client gets no deltas; when it has caught up, the text so far, and then all that follows", async () => {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  await using chat = await startTestServer({
    clock,
    handlers: { scripted: bot.handler },
    env: { CHAT_MAX_ANSWER_LENGTH: "100000000" },
  })
  using slow = await raw(chat)
  await joined(slow)
  const other = await chat.connect({ chat: "c1" })
  await other.say("talk")
  const run = await bot.run()
  slow.pause()
  let text = ""
  const say = async (piece: string) => {
    text += piece
    await run.say(piece)
    await clock.advance(20)
    await until(() => other.streamed() === text, "the piece at the client that reads")
  }
  // More than the operating system takes in between.
  for (let piece = 0; piece < 24; piece++) await say(`${piece}:${"x".repeat(300 * KiB)}`)
  await say("these last words ")
  await say("are not sent to the one who does not read.")

  slow.resume()
  await slow.until(() => streamed(slow.frames) === text, "the text so far")
  const progress = slow.frames.filter(({ type }) => type === "progress")
  expect(progress.length).toBeLessThan(26)
  await say(" And these are again.")
  await slow.until(() => streamed(slow.frames) === text, "the delta after the catching up")
  expect(slow.closed).toBeNull()
})

/** Says durable things in the bot's name until `enough`. */
async function fill(chat: TestServer, units: number, count: number, chat_id = "c1"): Promise<void> {
  const active = chat.server.manager.getActiveSessions().find(({ session }) => session.chat_id === chat_id)
  if (!active) throw new Error("nobody is there")
  for (let said = 0; said < count; said++) {
    await chat.server.manager.sendMessage(active.session.id, "x".repeat(units), "t-fill")
  }
}

test("[P7.5] above 1 MiB it is cut off with 1006, others are not affected, and it comes back and replays every event", async () => {
  await using chat = await startTestServer()
  using slow = await raw(chat)
  await joined(slow)
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  slow.pause()
  await fill(chat, 256 * KiB, 48)
  await until(() => chat.server.manager.getActiveSessions()[0]?.connections === 1, "the slow one to be cut off")
  await other.next("result", ({ seq }) => seq === 48)
  expect(seqs(other.frames)).toEqual(Array.from({ length: 48 }, (_, place) => place + 1))

  slow.resume()
  await slow.until(() => slow.closed !== null, "the break")
  expect(slow.closed).toBe(1006)
  const had = seqs(slow.frames)
  expect(had).toEqual(had.map((_, place) => place + 1))
  expect(had.length).toBeLessThan(48)
  using again = await raw(chat, { cursor: had.length })
  await joined(again)
  expect([...had, ...seqs(again.frames)]).toEqual(Array.from({ length: 48 }, (_, place) => place + 1))
})

test("[P7.5] [P5.3] a replay of many megabytes waits for a slow client instead of cutting it off", async () => {
  await using chat = await startTestServer()
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  await fill(chat, 256 * KiB, 48)
  using slow = await raw(chat, { cursor: 0 })
  slow.pause()
  // It is still being served when these happen; the other one has them at once.
  await until(() => chat.server.manager.getActiveSessions()[0]?.connections === 2, "the slow one to come")
  await fill(chat, 1, 2)
  await other.next("result", ({ seq }) => seq === 50)
  slow.resume()
  await joined(slow)
  expect(seqs(slow.frames)).toEqual(Array.from({ length: 50 }, (_, place) => place + 1))
  expect(slow.closed).toBeNull()
})

test("[P7.5] [P5.4] a snapshot of many megabytes does not cut a slow client off either", async () => {
  await using chat = await startTestServer()
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  await fill(chat, 256 * KiB, 40)
  using slow = await raw(chat)
  slow.pause()
  await until(() => chat.server.manager.getActiveSessions()[0]?.connections === 2, "the slow one to come")
  await fill(chat, 1, 2)
  await other.next("result", ({ seq }) => seq === 42)
  slow.resume()
  await joined(slow)
  const start = slow.frames[0]
  const snapshot = start?.type === "start" && "snapshot" in start.data ? (start.data.snapshot ?? []) : []
  const known = [...snapshot.map(({ seq }) => seq), ...seqs(slow.frames)]
  expect(known).toEqual(Array.from({ length: 42 }, (_, place) => place + 1))
})

test("[P7.5] [P5.6] a client that is slow while it joins another chat gets that one's text so far after its replay", async () => {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  await using chat = await startTestServer({ clock, handlers: { scripted: bot.handler } })
  const [talker, writer] = [await chat.connect({ chat: "c1" }), await chat.connect({ chat: "c2" })]
  await talker.say("talk")
  const talking = await bot.run()
  await writer.join()
  await fill(chat, 256 * KiB, 48, "c2")
  await writer.say("write")
  await (await bot.run()).say("so far")
  await writer.next("progress")

  using slow = await raw(chat)
  await joined(slow)
  slow.send({ type: "start", data: { cursor: 0 }, chat_id: "c2" })
  slow.pause()
  const connections = (name: string) =>
    chat.server.manager.getActiveSessions().find(({ session }) => session.chat_id === name)?.connections
  await until(() => connections("c2") === 2, "the slow one to come")
  await talking.say("a delta of the first chat, which finds the socket full")
  await talker.next("progress")
  slow.resume()
  const ofSecond = () => slow.frames.filter((frame) => "chat_id" in frame && frame.chat_id === "c2")
  await slow.until(() => ofSecond().some(isReplayed), "the replay of the second")
  expect(ofSecond().map(({ type }) => type)).toEqual([
    ...["start" as const, ...Array<"result">(48).fill("result")],
    ...["message" as const, "progress" as const, "start" as const],
  ])
})

test("[P7.5] a slow client that goes away while it is being served is forgotten", async () => {
  await using chat = await startTestServer()
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  await fill(chat, 256 * KiB, 40)
  const slow = await raw(chat, { cursor: 0 })
  slow.pause()
  const connections = () => chat.server.manager.getActiveSessions()[0]?.connections
  await until(() => connections() === 2, "the slow one to come")
  slow.cut()
  await until(() => connections() === 1, "the slow one to be gone")
  await other.settled()
})
