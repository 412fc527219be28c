// A question to the human is durable: it can be answered from any device, also after a restart; the first answer wins.
import { expect, test } from "bun:test"
import type { TestClient } from "../support/client.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

const fields = [{ type: "text", key: "city", required: true } as const]

/** Lets the bot ask; gives the question as the turn's end tells it. */
async function ask(client: TestClient, bot: ScriptedHandler, checkpoint: string | null = null) {
  await client.say("book a trip")
  const run = await bot.run()
  if (checkpoint !== null) await run.yield({ type: "checkpoint", checkpoint })
  await run.say("Gladly.")
  void run.yield({ type: "question", prompt: "Where to?", fields })
  const { data } = await client.next("end")
  if (!data.question) throw new Error("the turn ended without a question")
  return { question: data.question, end: data }
}

async function scene() {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  return { bot, chat, client: await chat.connect({ chat: "c1" }) }
}

test("[P6.7] a turn that asks ends as waiting_input with the question; the session waits for it", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question, end } = await ask(client, bot)
  expect(end).toMatchObject({ state: "waiting_input", reason: "question", error: null })
  expect(question).toMatchObject({ prompt: "Where to?", fields, turn_id: end.turn_id })
  const result = client.frames.find(({ type }) => type === "result")
  expect(result?.data).toMatchObject({
    ...{ state: "completed", message: "Gladly." },
    parts: [{ type: "question", input_id: question.input_id, prompt: "Where to?" }],
  })
  await client.send({ type: "status", trace_id: "t1" })
  const status = await client.next("status", ({ trace_id }) => trace_id === "t1")
  expect(status.data).toMatchObject({ state: "waiting_input", question, turns: [] })
})

test("[P6.7] an input answers it: the bot gets the answer and its checkpoint, and the question is closed for all", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question } = await ask(client, bot, "booking step 2")
  const answer = { city: "北京" }
  const ack = await client.ask({ type: "message", data: { kind: "input", answer, input_id: question.input_id } })
  expect(ack).toMatchObject({ type: "ack", data: { seq: 4 } })
  const { context } = await bot.run()
  expect(context.message).toMatchObject({ kind: "input", message: "city: 北京" })
  expect(context.message.parts).toEqual([{ type: "input", input_id: question.input_id, answer }])
  expect(context.checkpoint).toBe("booking step 2")
  expect(context.history.map((exchange) => exchange.answer.message)).toEqual(["Gladly."])
  const other = await chat.connect({ chat: "c1" })
  expect((await other.join())[0]?.data).toMatchObject({ question: null })
})

test("[P6.7] a text is the answer as well, and so is an input without an input_id", async () => {
  for (const data of [
    { kind: "text" as const, text: "Rome" },
    { kind: "input" as const, answer: "Rome" },
  ]) {
    const { bot, chat, client } = await scene()
    await using _ = chat
    const { question } = await ask(client, bot)
    await client.ask({ type: "message", data })
    const { message } = (await bot.run()).context
    expect(message.parts).toEqual([{ type: "input", input_id: question.input_id, answer: { city: "Rome" } }])
    expect(message.message).toBe(data.kind === "text" ? "Rome" : "city: Rome")
  }
})

test("[P6.7] any device may answer; the first wins, a later answer to the same question is refused with no_question", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question } = await ask(client, bot)
  const devices = await Promise.all([1, 2, 3, 4].map(() => chat.connect({ chat: "c1" })))
  await Promise.all(devices.map((device) => device.join()))
  const answers = await Promise.all(
    devices.map((device, place) =>
      device.ask({ type: "message", data: { kind: "input", answer: `${place}`, input_id: question.input_id } }),
    ),
  )
  expect(answers.filter(({ type }) => type === "ack").length).toBe(1)
  for (const { type, data } of answers) if (type === "error") expect(data).toMatchObject({ code: "no_question" })
  await client.settled()
  expect(client.events.filter(({ type }) => type === "message").length).toBe(2)
  expect(bot.runs).toBe(2)
})

test("[P6.7] of two texts at the same time one is the answer, the other an ordinary message", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await ask(client, bot)
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  await Promise.all([client.say("Rome"), other.say("Paris")])
  const first = await bot.run()
  first.done()
  const second = await bot.run()
  const parts = [first, second].map(({ context }) => context.message.parts.length)
  expect(parts).toEqual([1, 0])
})

test("[P6.7] an input when nothing was asked, or to a question that never was, is refused with no_question", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const input = (input_id?: string) =>
    client.ask({ type: "message", data: { kind: "input", answer: "1", ...(input_id ? { input_id } : {}) } })
  expect(await input()).toMatchObject({ type: "error", data: { code: "no_question", retry: false } })
  const { question } = await ask(client, bot)
  expect(await input(`inp_${"0".repeat(32)}`)).toMatchObject({ data: { code: "no_question" } })
  expect(await input(question.input_id)).toMatchObject({ type: "ack" })
})

test("[P6.7] an input with policy reject is refused with no_question rather than busy when there is no question", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  const data = { kind: "input" as const, answer: 1, policy: "reject" as const }
  expect(await client.ask({ type: "message", data })).toMatchObject({ data: { code: "no_question" } })
})

test("[P6.7] a question outlives a restart: it is told to who joins, and its answer starts the turn with the checkpoint", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question } = await ask(client, bot, "booking step 2")
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  const back = await again.connect({ chat: "c1" })
  const [start] = await back.join({ cursor: 3 })
  expect(start?.data).toMatchObject({ question, session: { state: "waiting_input" } })
  await back.ask({ type: "message", data: { kind: "input", answer: "Rome", input_id: question.input_id } })
  const { context } = await bot.run()
  expect(context.checkpoint).toBe("booking step 2")
  expect(context.message.parts).toMatchObject([{ type: "input", answer: { city: "Rome" } }])
})

test("[P6.7] a command or a file is no answer: the question stays open", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question } = await ask(client, bot)
  await client.ask({ type: "message", data: { kind: "command", command: "/help" } })
  const files = [{ name: "a", url: "https://files.example.org/a", mime_type: "text/plain" }]
  await client.ask({ type: "message", data: { kind: "file", files } })
  const file = await bot.run()
  expect(file.context.message.parts.map(({ type }) => type)).toEqual(["file"])
  file.done()
  await client.next("end")
  await client.send({ type: "status", trace_id: "t1" })
  expect((await client.next("status", ({ trace_id }) => trace_id === "t1")).data.question).toEqual(question)
})

test("[P6.7] a new question takes the place of the one before, also after a restart; the old one cannot be answered any more", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question: old } = await ask(client, bot)
  const files = [{ name: "map.png", url: "https://files.example.org/map.png", mime_type: "image/png" }]
  await client.ask({ type: "message", data: { kind: "file", files } })
  void (await bot.run()).yield({ type: "question", prompt: "Whose map?" })
  const { data } = await client.next("end", ({ data }) => data.question?.prompt === "Whose map?")
  const late = await client.ask({ type: "message", data: { kind: "input", answer: "Rome", input_id: old.input_id } })
  expect(late).toMatchObject({ type: "error", data: { code: "no_question" } })
  await client.say("mine")
  ;(await bot.run()).done()
  await client.next("end", ({ data }) => data.state === "completed")
  await chat.stop()

  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  const [start] = await (await again.connect({ chat: "c1" })).join()
  expect(start?.data).toMatchObject({ question: null, session: { state: "completed" } })
  expect(data.question?.input_id).not.toBe(old.input_id)
})

test("[P6.6] [P6.7] a file while a question is open leaves the session waiting; the end of the session closes the question", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question } = await ask(client, bot)
  const files = [{ name: "map.png", url: "https://files.example.org/map.png", mime_type: "image/png" }]
  await client.ask({ type: "message", data: { kind: "file", files } })
  ;(await bot.run()).done()
  await client.next("end", ({ data }) => data.state === "completed")
  const kept = async () => ((await (await chat.fetch("/chat/session/c1")).json()) as { data: object }).data
  expect(await kept()).toMatchObject({ state: "waiting_input", question })
  await client.ask({ type: "end" })
  expect(await kept()).toMatchObject({ state: "ended", question: null })
})
