// A question with a form: what does not fit is refused field by field, what fits is kept as it was checked, on every road alike.
import { expect, test } from "bun:test"
import { timestamp } from "../../src/clock.ts"
import type { HandlerEvent } from "../../src/handlers/handler.ts"
import { newId } from "../../src/ids.ts"
import type { Database } from "../../src/store/database.ts"
import { files } from "../../src/store/schema.ts"
import type { TestClient } from "../support/client.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

type Fields = Extract<HandlerEvent, { type: "question" }>["fields"]

const form: Fields = [
  { type: "text", key: "name", label: "Name" },
  { type: "number", key: "age", label: "Age", integer: true, min: 18 },
  {
    type: "select",
    key: "seat",
    label: "Seat",
    options: [{ value: "w", label: "Window" }, { value: "a" }],
    default: "a",
  },
  { type: "confirm", key: "mail", label: "Mail", value: { to: "all" }, editable: true, required: false },
]

async function scene(fields: Fields = form, query: Record<string, string> = {}) {
  const bot = scriptedHandler()
  const stores: Database[] = []
  const database = (real: Database) => {
    stores.push(real)
    return real
  }
  const chat = await startTestServer({ handlers: { scripted: bot.handler }, database })
  const client = await chat.connect({ chat: "c1", query })
  const [db = expect.unreachable()] = stores
  return { bot, chat, db, client, question: await ask(client, bot, fields) }
}

async function ask(client: TestClient, bot: ScriptedHandler, fields: Fields) {
  await client.say("book")
  void (await bot.run()).yield({ type: "question", prompt: "Who flies?", fields })
  const { data } = await client.next("end", ({ data }) => data.state === "waiting_input")
  if (!data.question) throw new Error("the turn ended without a question")
  return data.question
}

const fill = (client: TestClient, answer: never | object | string, id: string = crypto.randomUUID()) =>
  client.ask({ type: "message", data: { kind: "input", answer: answer as never }, id })

test("[P6.13] an answer that does not fit is refused with a sentence for each field, in the caller's language; the question stays open", async () => {
  const { bot, chat, client, question } = await scene(form, { lang: "zh" })
  await using _ = chat
  const refused = await fill(client, { name: " ", age: 17, seat: "middle", meal: "fish" })
  expect(refused).toMatchObject({
    type: "error",
    data: {
      code: "bad_answer",
      retry: false,
      fields: { name: "必填", age: "不能小于 18", seat: "必须是以下之一：Window, a", meal: "没有此字段" },
    },
  })
  expect(refused.data).toMatchObject({ message: expect.stringContaining("Name: 必填") })
  expect(bot.runs).toBe(1)
  const [start] = await client.join()
  expect(start?.data).toMatchObject({ question, session: { state: "waiting_input", last_seq: 3 } })
})

test("[P6.13] what fits is kept as it was checked: the bot gets it, people read it as lines", async () => {
  const { bot, chat, client, question } = await scene()
  await using _ = chat
  await fill(client, { name: " Li ", age: "40", mail: { approved: "yes", value: { to: "one" } } })
  const { message } = (await bot.run()).context
  const answer = { name: "Li", age: 40, seat: "a", mail: { approved: true, value: { to: "one" } } }
  expect(message.parts).toEqual([{ type: "input", input_id: question.input_id, answer }])
  expect(message.message).toBe('Name: Li\nAge: 40\nSeat: a\nMail: approved, changed to {"to":"one"}')
  expect((await client.next("message", ({ data }) => data.kind === "input")).data.parts).toEqual(message.parts)
})

test("[P6.7] a text that cannot be the answer is an ordinary message, and the question stays open", async () => {
  const { bot, chat, client, question } = await scene([
    { type: "number", key: "seats" },
    { type: "text", key: "note", required: false },
  ])
  await using _ = chat
  await client.say("how many are left?")
  const other = await bot.run()
  expect(other.context.message.parts).toEqual([])
  other.done()
  await client.next("end")
  expect((await client.join())[0]?.data).toMatchObject({ question, session: { state: "waiting_input" } })
  await client.say(" 3 ")
  const { message } = (await bot.run()).context
  expect(message.parts).toEqual([{ type: "input", input_id: question.input_id, answer: { seats: 3 } }])
  expect(message).toMatchObject({ kind: "text", message: " 3 " })
})

test("[P6.7] a form with two fields that are needed is not answered by a text", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("Li")
  expect((await bot.run()).context.message.parts).toEqual([])
})

test("[P3.3] [P6.13] an answer that is sent again is the same one, also when another question is open by then", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const answer = { name: "Li", age: "40" }
  const first = await fill(client, answer, "once")
  expect(first).toMatchObject({ type: "ack", data: { dup: false } })
  void (await bot.run()).yield({ type: "question", prompt: "And now?", fields: [{ type: "number", key: "n" }] })
  await client.next("end", ({ data }) => data.question?.prompt === "And now?")
  const again = async (answer: object, query: Record<string, string> = {}) =>
    (await fill(await chat.connect({ chat: "c1", query }), answer, "once")).data
  expect(await again(answer)).toEqual({ ...first.data, dup: true })
  expect(await again(answer, { lang: "zh" })).toEqual({ ...first.data, dup: true })
  expect(await again({ name: "Wu", age: 40 })).toMatchObject({ code: "id_conflict" })
  expect(await again({ name: 1 })).toMatchObject({ code: "id_conflict" })
})

test("[P6.13] a wrong answer to a question that is closed is told that it is closed", async () => {
  const { chat, client, question } = await scene()
  await using _ = chat
  await fill(client, { name: "Li", age: 40 })
  const late = await client.ask({ type: "message", data: { kind: "input", answer: 1, input_id: question.input_id } })
  expect(late).toMatchObject({ type: "error", data: { code: "no_question" } })
})

test("[P6.10] an answer that waits in line is rewritten only by one that fits", async () => {
  const { bot, chat, client } = await scene([{ type: "number", key: "n" }])
  await using _ = chat
  await client.say("one moment")
  const busy = await bot.run()
  await fill(client, { n: 1 })
  const { id: message_id } = (await client.next("message", ({ data }) => data.kind === "input")).data
  const edit = (text: string) => client.ask({ type: "message", data: { kind: "edit", message_id, text } })
  expect(await edit("many")).toMatchObject({ data: { code: "bad_answer", fields: { n: "must be a number" } } })
  expect(await edit("2")).toMatchObject({ type: "ack" })
  busy.done()
  expect((await bot.run()).context.message.parts).toMatchObject([{ type: "input", answer: { n: 2 } }])
})

test("[P6.13] a file is one that the chat's owner has, of a type that the field takes; it is a part of the message", async () => {
  const { bot, chat, db, client, question } = await scene([
    { type: "file", key: "scan", label: "Scan", accept: ["application/pdf", "image/*"] },
  ])
  await using _ = chat
  const keep = async (user_id: number, name: string, mime_type: string) => {
    const id = newId("file")
    const row = { id, user_id, name, mime_type, size: 3, sha256: "0".repeat(64), create_time: timestamp(0) }
    await db.orm.insert(files).values({ ...row, deleted_at: null })
    return id
  }
  const [mine, theirs, text] = [
    await keep(1, "pass.png", "image/png"),
    await keep(2, "pass.png", "image/png"),
    await keep(1, "a.txt", "text/plain"),
  ]
  const missing = await fill(client, { scan: [newId("file")] })
  expect(missing).toMatchObject({
    data: { code: "bad_answer", fields: { scan: "must be a file of yours: upload it first" } },
  })
  expect((await fill(client, { scan: [theirs] })).data).toMatchObject({ fields: Object(missing.data).fields })
  expect((await fill(client, { scan: text })).data).toMatchObject({
    fields: { scan: "does not take text/plain, only application/pdf, image/*" },
  })
  expect((await fill(client, { scan: [mine, text] })).data).toMatchObject({ fields: { scan: "takes one file only" } })
  await fill(client, { scan: mine })
  const { message } = (await bot.run()).context
  expect(message.message).toBe("Scan: pass.png")
  expect(message.parts).toEqual([
    { type: "input", input_id: question.input_id, answer: { scan: [mine] } },
    {
      ...{ type: "file", file_id: mine, name: "pass.png", url: `/chat/file/${mine}`, mime_type: "image/png", size: 3 },
      sha256: "0".repeat(64),
    },
  ])
})
