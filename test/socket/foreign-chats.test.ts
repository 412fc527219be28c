// What is not yours is not there: on every way to it, the answer for a foreign chat is that for a missing one.
import { expect, test } from "bun:test"
import type { ClientFrameInput } from "../../src/protocol/client-frame.ts"
import type { ServerFrame } from "../../src/protocol/server-frame.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

const bots = () => ({ handlers: { scripted: scriptedHandler().handler } })

const ways: Record<string, ClientFrameInput> = {
  start: { type: "start" },
  "start with a cursor": { type: "start", data: { cursor: 0 } },
  message: { type: "message", data: { text: "let me see" } },
  "a command": { type: "message", data: { kind: "command", command: "/title mine now" } },
  status: { type: "status" },
  interrupt: { type: "interrupt" },
  end: { type: "end" },
}

/** A refusal without what differs from one request to the next. */
function comparable(answer: ServerFrame, chat_id: string): string {
  const own = { trace_id: undefined, id: undefined, data: { ...answer.data, id: undefined } }
  return JSON.stringify({ ...answer, ...own }).replaceAll(chat_id, "<chat>")
}

for (const [what, frame] of Object.entries(ways)) {
  test.concurrent(`[P9.2] ${what} for another user's chat is refused exactly as for a missing one, and changes nothing`, async () => {
    await using chat = await startTestServer(bots())
    const owner = await chat.connect({ user: 1, chat: "private" })
    await owner.say("a secret")
    const stranger = await chat.connect({ user: 2, chat: "own" })
    const foreign = await stranger.ask({ ...frame, chat_id: "private" })
    const missing = await stranger.ask({ ...frame, chat_id: "nothing" })
    expect(foreign).toMatchObject({ type: "error", data: { code: "not_found" } })
    expect(comparable(foreign, "private")).toBe(comparable(missing, "nothing"))

    await owner.settled()
    expect(owner.events.map(({ seq, type }) => [seq, type])).toEqual([[1, "message"]])
    await stranger.settled()
    expect(stranger.frames.map(({ type }) => type)).toEqual(["error", "error", "pong"])
    expect(await stranger.ask({ type: "status" })).toMatchObject({ type: "ack" })
  })
}

test("[P9.2] another user's turn cannot be stopped by its id: it is too late, as for a turn that never was", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const owner = await chat.connect({ user: 1, chat: "private" })
  await owner.say("a question")
  const run = await bot.run()
  const { turn_id } = (await owner.next("message")).data
  const stranger = await chat.connect({ user: 2, chat: "own" })
  await stranger.send({ type: "interrupt", data: { turn_id: turn_id ?? "" } })
  expect((await stranger.next("interrupt")).data).toEqual({ turn_id, result: "too_late", by: 2 })
  expect(run.context.signal.aborted).toBe(false)
})

test("[P9.2] another user's question cannot be answered by its id, nor their answer asked for by its offsets", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const owner = await chat.connect({ user: 1, chat: "private" })
  await owner.say("a question")
  const run = await bot.run()
  await run.say("a secret so far")
  const { message_id } = (await owner.next("progress")).data
  void run.yield({ type: "question", prompt: "Which secret?" })
  const input_id = (await owner.next("end")).data.question?.input_id ?? ""

  const stranger = await chat.connect({ user: 2, chat: "own" })
  await stranger.join({ cursor: 0, offsets: { [message_id]: 0 } })
  const answer = await stranger.ask({ type: "message", data: { kind: "input", answer: "mine", input_id } })
  expect(answer).toMatchObject({ type: "error", data: { code: "no_question" } })
  expect(JSON.stringify(stranger.frames)).not.toContain("secret")
  expect(await owner.ask({ type: "message", data: { kind: "input", answer: "this", input_id } })).toMatchObject({
    type: "ack",
  })
})

test("[P9.2] a deleted chat of another user looks like a missing one as well", async () => {
  await using chat = await startTestServer(bots())
  await (await chat.connect({ user: 1, chat: "private" })).say("a secret")
  await chat.fetch("/chat/session/private", { method: "DELETE", user: 1 })
  const stranger = await chat.connect({ user: 2, chat: "own" })
  const answer = await stranger.ask({ type: "status", chat_id: "private" })
  expect(answer).toMatchObject({ data: { code: "not_found" } })
  const own = await chat.connect({ user: 2, chat: "private" })
  await own.join()
})
