// Who comes while an answer is being given gets the text so far and then what follows, without a seam.
import { expect, test } from "bun:test"
import type { ServerFrame } from "../../src/protocol/server-frame.ts"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene() {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  const chat = await startTestServer({ clock, handlers: { scripted: bot.handler } })
  const first = await chat.connect({ chat: "c1" })
  await first.say("a question")
  const run = await bot.run()
  /** Says it, and lets the time of a delta pass. */
  const say = async (text: string) => {
    await run.say(text)
    await clock.advance(20)
  }
  return { clock, chat, first, run, say }
}

const textOf = (frames: readonly ServerFrame[], kind: "text" | "reasoning" = "text") =>
  frames.flatMap((frame) => (frame.type === "progress" && frame.data.kind === kind ? [frame.data] : []))

test("[P5.6] a late joiner gets the text so far before replayed, then each delta; the whole is the result", async () => {
  const { chat, first, run, say } = await scene()
  await using _ = chat
  await say("Once upon ")
  await say("a time ")
  await first.settled()
  const late = await chat.connect({ chat: "c1" })
  const frames = await late.join()
  expect(frames.map(({ type }) => type)).toEqual(["start", "progress", "start"])
  expect(textOf(frames)).toMatchObject([{ offset: 0, text: "Once upon a time " }])
  await say("there was ")
  await say("a service.")
  run.done()
  const result = await late.next("result")
  expect(result.data.message).toBe("Once upon a time there was a service.")
  expect(late.streamed()).toBe(result.data.message ?? "")
  expect(textOf(late.frames).map(({ offset }) => offset)).toEqual([0, 17, 27])
})

test("[P5.6] a client that comes back names what it has of the text, and gets the rest", async () => {
  const { chat, first, say } = await scene()
  await using _ = chat
  await say("0123456789")
  const { message_id } = (await first.next("progress")).data
  const offsets = (length: number) => ({ cursor: 1, offsets: { [message_id]: length } })
  const back = await chat.connect({ chat: "c1" })
  expect(textOf(await back.join(offsets(4)))).toMatchObject([{ offset: 4, text: "456789" }])
  expect(textOf(await back.join(offsets(10)))).toEqual([])
  expect(textOf(await back.join(offsets(99)))).toEqual([])
  expect(textOf(await back.join({ cursor: 1 }))).toMatchObject([{ offset: 0, text: "0123456789" }])
})

test("[P5.6] reasoning comes from 0, tools and steps with their last word", async () => {
  const { chat, first, run, say } = await scene()
  await using _ = chat
  await run.yield({ type: "reasoning", text: "Let me see. " })
  for (const state of ["running", "completed"] as const) {
    await run.yield({ type: "tool", tool: { tool_call_id: "t1", name: "search", state } })
  }
  await run.yield({ type: "step", step: { step_id: "s1", name: "look", state: "running" } })
  await say("Well")
  const { message_id } = (await first.next("progress")).data
  const late = await chat.connect({ chat: "c1" })
  const frames = await late.join({ cursor: 0, offsets: { [message_id]: 2 } })
  expect(frames.slice(2, -1)).toMatchObject([
    { type: "progress", data: { kind: "reasoning", offset: 0, text: "Let me see. " } },
    { type: "progress", data: { kind: "tool", tool: { tool_call_id: "t1", state: "completed" } } },
    { type: "progress", data: { kind: "step", step: { step_id: "s1", state: "running" } } },
    { type: "progress", data: { kind: "text", offset: 2, text: "ll" } },
  ])
})

test("[P5.6] when the answer is over there is nothing to catch up with: the result says it all", async () => {
  const { chat, first, run, say } = await scene()
  await using _ = chat
  await say("The end")
  run.done()
  await first.next("end")
  const late = await chat.connect({ chat: "c1" })
  expect(textOf(await late.join({ cursor: 0 }))).toEqual([])
})

test("[P6.1] offset is the length before the piece, for text and reasoning each", async () => {
  const { chat, first, run, say } = await scene()
  await using _ = chat
  await run.yield({ type: "reasoning", text: "hm " })
  await say("A")
  await run.yield({ type: "reasoning", text: "so " })
  await say("BC")
  await say("D")
  await first.settled()
  expect(textOf(first.frames).map(({ offset, text }) => `${offset} ${text}`)).toEqual(["0 A", "1 BC", "3 D"])
  expect(textOf(first.frames, "reasoning").map(({ offset }) => offset)).toEqual([0, 3])
})

test("[P6.1] a piece never ends inside a surrogate pair, however the bot cuts its words", async () => {
  const { chat, first, run, clock } = await scene()
  await using _ = chat
  const text = "a😀b👩‍👩‍👧c𠮷😀"
  const late: Awaited<ReturnType<typeof chat.connect>>[] = []
  for (const unit of text.split("")) {
    await run.say(unit)
    await clock.advance(20)
    const client = await chat.connect({ chat: "c1" })
    await client.join({ cursor: 1 })
    late.push(client)
  }
  run.done()
  await first.next("end")
  for (const client of [first, ...late]) {
    await client.settled()
    const pieces = textOf(client.frames)
    expect(pieces.every((piece) => piece.text.isWellFormed() && piece.text.length > 0)).toBe(true)
    expect(client.streamed()).toBe(text)
  }
})

test("[P6.1] half a pair that never gets its other half becomes one character, in the pieces as in the result", async () => {
  const { chat, first, run, say } = await scene()
  await using _ = chat
  await say("a\ud83d")
  run.done()
  const result = await first.next("result")
  expect(result.data.message).toBe("a\ufffd")
  expect(first.streamed()).toBe("a\ufffd")
})

test("[P6.1] what is said within a tick travels as one piece; the first goes at once, and so does the first after a pause", async () => {
  const { chat, first, run, clock } = await scene()
  await using _ = chat
  await run.say("1")
  for (const word of ["2", "3", "4"]) await run.say(word)
  await first.settled()
  expect(textOf(first.frames).map(({ text }) => text)).toEqual(["1"])
  await clock.advance(20)
  await first.settled()
  expect(textOf(first.frames).map(({ text }) => text)).toEqual(["1", "234"])
  await clock.advance(100)
  await run.say("5")
  await first.settled()
  expect(textOf(first.frames).map(({ text }) => text)).toEqual(["1", "234", "5"])
})

test("[P6.2] progress tells the state of each tool and step; the result has them all with their last word, in the order they began", async () => {
  const { chat, first, run } = await scene()
  await using _ = chat
  const tool = (tool_call_id: string, state: "running" | "completed" | "failed", output?: string) =>
    run.yield({ type: "tool", tool: { tool_call_id, name: "search", state, ...(output ? { output } : {}) } })
  await tool("t1", "running")
  await run.yield({ type: "step", step: { step_id: "t1", name: "a step of the same id", state: "running" } })
  await tool("t2", "running")
  await tool("t1", "failed", "no network")
  await run.yield({ type: "step", step: { step_id: "t1", name: "a step of the same id", state: "completed" } })
  run.done()
  const { data } = await first.next("result")
  expect(data.parts).toEqual([
    { type: "tool", tool_call_id: "t1", name: "search", state: "failed", output: "no network" },
    { type: "step", step_id: "t1", name: "a step of the same id", state: "completed" },
    { type: "tool", tool_call_id: "t2", name: "search", state: "running" },
  ])
  const told = first.frames.flatMap((frame) => (frame.type === "progress" ? [frame.data] : []))
  expect(told.map(({ kind }) => kind)).toEqual(["tool", "step", "tool", "tool", "step"])
})

test("[P5.2] [P5.6] fifty clients that come and go while the bot speaks all end with the same text, without a hole", async () => {
  const { chat, first, run, clock } = await scene()
  await using _ = chat
  let text = ""
  const clients: Promise<Awaited<ReturnType<typeof chat.connect>>>[] = []
  for (let word = 0; word < 100; word++) {
    const piece = `${word} 😀 `
    text += piece
    await run.say(piece)
    await clock.advance(word % 3 === 0 ? 20 : 7)
    if (word % 2 === 0) {
      const coming = chat.connect({ chat: `c1` }).then(async (client) => {
        await client.join({ cursor: 0 })
        if (word % 10 === 0) client.cut()
        return client
      })
      clients.push(coming)
    }
  }
  const stayed = (await Promise.all(clients)).filter((_, place) => place % 5 !== 0)
  run.done()
  await Promise.all(stayed.map((client) => client.seen(3)))
  expect(stayed.length).toBe(40)
  for (const client of [first, ...stayed]) expect(client.streamed()).toBe(text)
})
