// Messages that meet open turns in another way than waiting in line, and those that are changed while they wait.
import { expect, test } from "bun:test"
import type { TestClient } from "../support/client.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServerOptions } from "../support/server.ts"

async function scene(options: TestServerOptions = {}) {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler }, ...options })
  const connect = () => chat.connect({ chat: "c1" })
  return { bot, chat, client: await connect(), phone: await connect(), connect }
}

const say = (client: TestClient, text: string, more: object = {}) =>
  client.ask({ type: "message", data: { text, ...more }, id: text })

/** The turns' ends so far, by the text of their questions. */
function ends({ events }: TestClient): Record<string, string> {
  const texts = new Map(events.flatMap((frame) => (frame.type === "message" ? [[frame.data.turn_id, frame.data]] : [])))
  return Object.fromEntries(
    events.flatMap((frame) =>
      frame.type === "end" ? [[texts.get(frame.data.turn_id)?.message ?? "", frame.data.reason]] : [],
    ),
  )
}

/** Answers what is asked next. */
async function answer(bot: ScriptedHandler, client: TestClient): Promise<string | null> {
  const { context, done } = await bot.run()
  done()
  await client.next("end", ({ data }) => data.turn_id === context.message.turn_id)
  return context.message.message
}

test('[P6.3] policy "interrupt" stops the running turn and takes the place of those that wait', async () => {
  const { bot, chat, client, phone, connect } = await scene()
  await using _ = chat
  for (const text of ["one", "two", "three"]) await say(client, text)
  const one = await bot.run()
  await one.say("The beginning")
  expect(await say(phone, "now", { policy: "interrupt" })).toMatchObject({ type: "ack", data: { seq: 4, dup: false } })
  const now = await bot.run()
  expect(one.context.signal.aborted).toBe(true)
  expect(now.context.message.message).toBe("now")
  now.done()
  await client.next("end", ({ data }) => data.reason === "done")
  expect(ends(client)).toEqual({ one: "stopped", two: "superseded", three: "superseded", now: "done" })
  expect(client.events.find(({ type }) => type === "result")?.data).toMatchObject({ message: "The beginning" })
  expect(await say(await connect(), "now", { policy: "interrupt" })).toMatchObject({ data: { seq: 4, dup: true } })
  expect(bot.runs).toBe(2)
})

test('[P6.3] policy "latest" takes the place of those that wait, and lets the running turn finish', async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await say(client, "one")
  for (const text of ["two", "three", "four"]) await say(client, text, { policy: "latest" })
  expect(await answer(bot, client)).toBe("one")
  expect(await answer(bot, client)).toBe("four")
  expect(ends(client)).toEqual({ one: "done", two: "superseded", three: "superseded", four: "done" })
})

test('[P6.3] policy "merge" joins the message that waits: the bot is asked both as one, and so is its context', async () => {
  const { bot, chat, client, phone } = await scene()
  await using _ = chat
  await say(client, "one")
  await say(client, "two")
  await say(phone, "and three", { policy: "merge" })
  await say(client, "and four", { policy: "merge" })
  await client.send({ type: "status", trace_id: "t1" })
  const { turns } = (await client.next("status", ({ trace_id }) => trace_id === "t1")).data
  expect(turns.map(({ state, merged }) => [state, merged?.length ?? 0])).toEqual([
    ["running", 0],
    ["queued", 2],
  ])
  await answer(bot, client)
  const two = await bot.run()
  expect(two.context.message.message).toBe("two\n\nand three\n\nand four")
  await two.say("all")
  two.done()
  await client.next("end", ({ data }) => data.turn_id === two.context.message.turn_id)
  await say(client, "five")
  const joined = { question: { message: "two\n\nand three\n\nand four" }, answer: { message: "all" } }
  const five = await bot.run()
  expect(five.context.history).toMatchObject([joined])
  expect(client.events.filter(({ type }) => type === "end")).toHaveLength(2)
  five.done()
  await client.next("end")
  // The same after a restart, from the store.
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  await (await again.connect({ chat: "c1" })).say("six")
  expect((await bot.run()).context.history).toMatchObject([joined])
})

test('[P6.3] policy "merge" waits in line when nothing waits that it could join', async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  for (const text of ["one", "two"]) await say(client, text, { policy: "merge" })
  for (const text of ["one", "two"]) expect(await answer(bot, client)).toBe(text)
})

test('[P6.3] policy "merge" leaves an answer to a question of the bot alone, and waits in line behind it', async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await say(client, "one")
  const one = await bot.run()
  await say(client, "two")
  void one.yield({ type: "question", prompt: "Which?" })
  const asked = await client.next("end")
  const two = await bot.run()
  const answered = { kind: "input" as const, answer: { yes: true }, input_id: asked.data.question?.input_id ?? "" }
  expect(await client.ask({ type: "message", data: answered, id: "a" })).toMatchObject({ type: "ack" })
  await say(client, "and this", { policy: "merge" })
  two.done()
  const answer = await bot.run()
  expect(answer.context.message).toMatchObject({ message: '{"yes":true}', parts: [{ answer: { yes: true } }] })
  answer.done()
  const last = await bot.run()
  expect(last.context.message.message).toBe("and this")
  last.done()
})

test("[P6.3] a flow has a policy of its own for messages that name none", async () => {
  const { bot, chat, client } = await scene({ flows: [{ handler: "scripted", policy: "latest" }] })
  await using _ = chat
  for (const text of ["one", "two", "three"]) await say(client, text)
  await say(client, "four", { policy: "enqueue" })
  for (const text of ["one", "three", "four"]) expect(await answer(bot, client)).toBe(text)
})

test("[P3.6] base_seq: what a stale tab says is refused with conflict, and nothing of it happens", async () => {
  const { bot, chat, client, phone, connect } = await scene()
  await using _ = chat
  expect(await say(client, "one", { base_seq: 0 })).toMatchObject({ type: "ack", data: { seq: 1 } })
  const run = await bot.run()
  await run.say("answer")
  run.done()
  await client.next("end")
  expect(await say(phone, "stale", { base_seq: 1 })).toMatchObject({
    type: "error",
    data: { code: "conflict", retry: false },
  })
  expect(await say(await connect(), "stale", { base_seq: 1, policy: "interrupt" })).toMatchObject({
    data: { code: "conflict" },
  })
  // The end of the turn, seq 3, says nothing.
  expect(await say(phone, "fresh", { base_seq: 2 })).toMatchObject({ type: "ack", data: { seq: 4 } })
  expect(await say(await connect(), "fresh", { base_seq: 2 })).toMatchObject({ data: { seq: 4, dup: true } })
  const command = { kind: "command", command: "/title T", base_seq: 2 }
  expect(await phone.ask({ type: "message", data: command, id: "c" })).toMatchObject({ data: { code: "conflict" } })
})

test("[P6.10] a message that waits can be given another text: all devices see it, the bot is asked the new one", async () => {
  const { bot, chat, client, phone, connect } = await scene()
  await using _ = chat
  await phone.join()
  await say(client, "one")
  await say(client, "tow")
  const message_id = client.events[1]?.type === "message" ? client.events[1].data.id : ""
  const edit = async (text: string, more: object = {}, id = text) =>
    (await connect()).ask({ type: "message", data: { kind: "edit", message_id, text, ...more }, id })
  expect(await edit("two", { base_seq: 2 })).toMatchObject({ type: "ack", data: { seq: 3, dup: false } })
  const told = await phone.next("status", ({ seq }) => seq === 3)
  expect(told.data).toMatchObject({
    changed: ["messages"],
    edited_message: { message_id, message: "two" },
    client_id: "two",
  })
  expect(await edit("two", {}, "again")).toMatchObject({ type: "ack", data: { seq: null, dup: true } })
  expect(await edit("too", { base_seq: 2 })).toMatchObject({ type: "error", data: { code: "conflict" } })
  const late = await chat.connect({ chat: "c1" })
  await late.join({ cursor: 1 })
  expect(late.events.slice(0, 2)).toMatchObject([
    { type: "message", seq: 2, data: { message: "two" } },
    { type: "status", seq: 3 },
  ])
  expect(await answer(bot, client)).toBe("one")
  const two = await bot.run()
  expect(two.context.message.message).toBe("two")
  expect(await edit("late")).toMatchObject({ type: "error", data: { code: "not_waiting", retry: false } })
  two.done()
})

test("[P6.10] [P6.4] a message that waits can be taken out of the line", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  for (const text of ["one", "two", "three"]) await say(client, text)
  const two = client.events.flatMap((frame) =>
    frame.type === "message" && frame.data.message === "two" ? [frame] : [],
  )
  await client.ask({ type: "interrupt", data: { turn_id: two[0]?.data.turn_id ?? "" }, id: "i1" })
  for (const text of ["one", "three"]) expect(await answer(bot, client)).toBe(text)
  expect(ends(client)).toEqual({ one: "done", two: "stopped", three: "done" })
})

test("[P6.10] only one's own waiting messages: what is not there, or the bot's, is not_found", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await say(client, "one")
  const run = await bot.run()
  await run.say("answer")
  run.done()
  await client.next("end")
  const answered = client.events[1]?.type === "result" ? client.events[1].data.id : ""
  const stranger = await chat.connect({ chat: "c1", user: 2 })
  for (const [who, message_id] of [
    [client, `msg_${"0".repeat(32)}`],
    [client, answered],
    [stranger, answered],
  ] as const) {
    const edit = { type: "message" as const, data: { kind: "edit" as const, message_id, text: "x" }, id: "e" }
    expect(await who.ask(edit)).toMatchObject({ data: { code: "not_found" } })
  }
})

test("[P6.11] how an answer is liked is seen by all devices at once, and kept", async () => {
  const { bot, chat, client, phone, connect } = await scene()
  await using _ = chat
  await phone.join()
  await say(client, "one")
  const run = await bot.run()
  await run.say("answer")
  run.done()
  await client.next("end")
  const message_id = client.events[1]?.type === "result" ? client.events[1].data.id : ""
  const rate = (liked: number, who = client, id = `like-${liked}`) =>
    who.ask({ type: "message", data: { kind: "feedback", message_id, liked }, id })
  expect(await rate(1)).toMatchObject({ type: "ack", data: { seq: 4 } })
  expect((await phone.next("status", ({ seq }) => seq === 4)).data).toMatchObject({
    feedback: { message_id, liked: 1 },
  })
  expect(await rate(1, await connect(), "again")).toMatchObject({ type: "ack", data: { seq: null, dup: true } })
  expect(await rate(2, phone)).toMatchObject({ type: "ack", data: { seq: 5 } })
  const late = await chat.connect({ chat: "c1" })
  await late.join({ cursor: 1 })
  expect(late.events[0]).toMatchObject({ seq: 2, data: { liked: 2 } })
  expect(await rate(0, await chat.connect({ chat: "c1", user: 2 }))).toMatchObject({ data: { code: "not_found" } })
})
