// A question is answered over whatever road: a socket, REST, a signed link. The first answer wins, on whatever instance, and
// everybody sees it; what was answered stays readable.
import { expect, test } from "bun:test"
import { routes } from "../../src/protocol/rest.ts"
import type { TestClient } from "../support/client.ts"
import { natsServer, startNats } from "../support/nats.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

const secret = "a secret for both instances, long enough to be one"
const fields = [
  { type: "text" as const, key: "city", label: "City" },
  { type: "number" as const, key: "people", min: 1, required: false },
]

async function ask(client: TestClient, bot: ScriptedHandler) {
  await client.say("book a trip")
  const run = await bot.run()
  void run.yield({ type: "question", prompt: "Where to?", fields })
  const { data } = await client.next("end", ({ data }) => data.state === "waiting_input")
  if (!data.question) throw new Error("the turn ended without a question")
  return data.question
}

async function scene() {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  return { bot, chat, client, question: await ask(client, bot) }
}

interface Told {
  readonly status: number
  readonly data: { readonly code?: string; readonly fields?: Record<string, string>; readonly [name: string]: unknown }
}

async function post(chat: TestServer, path: string, body: object): Promise<Told> {
  const headers = { "Content-Type": "application/json" }
  const response = await chat.fetch(path, { method: "POST", headers, body: JSON.stringify(body) })
  return { status: response.status, data: ((await response.json()) as Pick<Told, "data">).data }
}

async function linkOf(chat: TestServer, input_id: string): Promise<string> {
  const { data } = await post(chat, `/chat/inputs/${input_id}/link`, {})
  return String(data.url)
}

/** What a browser sends for the form of the link. */
function fillIn(url: string, filled: Record<string, string>): Promise<Response> {
  return fetch(url, { method: "POST", body: new URLSearchParams(filled), headers: { "Accept-Language": "zh" } })
}

async function inputsOf(chat: TestServer, query = "") {
  const response = await chat.fetch(`/chat/inputs${query}`)
  return routes.listInputs.data.parse(((await response.json()) as Told).data).items
}

test("[P6.15] answered over REST it is the same message as over a socket: the bot gets it checked, everybody sees it", async () => {
  const { bot, chat, client, question } = await scene()
  await using _ = chat
  const path = `/chat/inputs/${question.input_id}`
  expect(await inputsOf(chat, "?state=open")).toMatchObject([
    { ...question, chat_id: "c1", state: "open", answer: null },
  ])
  const wrong = await post(chat, `${path}?lang=zh`, { answer: { people: 0 } })
  expect(wrong).toMatchObject({
    status: 422,
    data: { code: "bad_answer", retry: false, fields: { city: "必填", people: "不能小于 1" } },
  })
  const body = { answer: { city: " Rome ", people: "2" }, client_id: "mine" }
  expect(await post(chat, path, body)).toEqual({ status: 200, data: { seq: 4, dup: false } })
  const { message } = (await bot.run()).context
  const answer = { city: "Rome", people: 2 }
  expect(message).toMatchObject({ kind: "input", message: "City: Rome\npeople: 2", client_id: "mine" })
  expect((await client.next("message", ({ seq }) => seq === 4)).data.parts).toEqual([
    { type: "input", input_id: question.input_id, answer },
  ])
  expect(await post(chat, path, body)).toEqual({ status: 200, data: { seq: 4, dup: true } })
  expect((await post(chat, path, { ...body, answer: "Oslo" })).data.code).toBe("id_conflict")
  expect(await post(chat, path, { answer: "Oslo" })).toMatchObject({ status: 409, data: { code: "no_question" } })
  expect(await inputsOf(chat)).toMatchObject([{ state: "answered", answer, answered_by: message.id }])
})

test("[P6.15] by a link whoever has it answers in the name of who made it, and learns nothing else of the chat", async () => {
  const { bot, chat, client, question } = await scene()
  await using _ = chat
  const url = await linkOf(chat, question.input_id)
  const page = await fetch(url)
  const text = await page.text()
  expect([page.status, text.includes("Where to?"), text.includes("book a trip")]).toEqual([200, true, false])
  const once = /name="once" value="([^"]+)"/.exec(text)?.[1] ?? ""
  const wrong = await fillIn(url, { once, f0: "", f1: "0" })
  expect(wrong.status).toBe(422)
  expect(await wrong.text()).toContain("必填")
  // Sent twice by an impatient click.
  const both = await Promise.all([0, 1].map(() => fillIn(url, { once, f0: "Rome", f1: "" })))
  expect(both.map(({ status }) => status)).toEqual([200, 200])
  const { message } = (await bot.run()).context
  expect(message).toMatchObject({ user_id: 1, message: "City：Rome", parts: [{ answer: { city: "Rome" } }] })
  await client.next("message", ({ data }) => data.kind === "input")
  const late = await fillIn(url, { once: "another", f0: "Oslo" })
  expect([late.status, await late.text()]).toEqual([409, expect.stringContaining("该问题已被回答")])
  expect((await fetch(url)).status).toBe(409)
  expect(bot.runs).toBe(2)
})

test("[P6.15] what was answered stays readable: the question and the answer in the history, both in the list", async () => {
  const { bot, chat, client, question } = await scene()
  await using _ = chat
  await client.ask({ type: "message", data: { kind: "input", answer: { city: "Rome" } } })
  ;(await bot.run()).done()
  await client.next("end", ({ data }) => data.state === "completed")
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  const history = (await (await again.fetch("/chat/message/history?chat_id=c1&order=asc")).json()) as Told
  const { items } = routes.history.data.parse(history.data)
  const parts = items.map(({ parts }) => parts)
  const { input_id, prompt } = question
  expect(parts).toEqual([
    [],
    [{ type: "question", input_id, prompt, fields: question.fields }],
    [{ type: "input", input_id, answer: { city: "Rome" } }],
  ])
  expect(await inputsOf(again)).toMatchObject([
    {
      input_id,
      prompt,
      fields: question.fields,
      state: "answered",
      answer: { city: "Rome" },
      answered_by: items[2]?.id,
    },
  ])
})

const several = noSqld !== null || !natsServer
if (several) process.stderr.write("skipped: sqld or nats-server is not on this machine\n")

test.skipIf(several)(
  "[P6.7] [P6.15] of answers over a socket, REST and a link at once, on two instances, one wins and everybody sees it",
  async () => {
    await using sqld = await startSqld()
    await using nats = await startNats()
    const env = { DATABASE_URL: sqld.url, NATS_URL: nats.url, JWT_SECRET: secret }
    const bot = scriptedHandler()
    await using a = await startTestServer({ handlers: { scripted: bot.handler }, env })
    await using b = await startTestServer({ handlers: { scripted: bot.handler }, env })
    const phone = await a.connect({ chat: "c1" })
    await phone.join()
    const laptop = await b.connect({ chat: "c1" })
    await laptop.join()
    for (let round = 0; round < 5; round++) {
      const { input_id } = await ask(phone, bot)
      const link = await linkOf(a, input_id)
      const say = async (client: TestClient, city: string) => {
        const { type, data } = await client.ask({
          type: "message",
          data: { kind: "input", input_id, answer: { city } },
        })
        return type === "ack" ? "taken" : "code" in data ? data.code : ""
      }
      const rest = async (chat: TestServer, city: string) => {
        const { status, data } = await post(chat, `/chat/inputs/${input_id}`, { answer: { city } })
        return status === 200 ? "taken" : data.code
      }
      const page = async (chat: TestServer, city: string) => {
        const { status } = await fillIn(link.replace(a.url, chat.url), { f0: city })
        return status === 200 ? "taken" : status === 409 ? "no_question" : String(status)
      }
      const outcomes = await Promise.all([
        ...[say(phone, "socket a"), say(laptop, "socket b"), rest(a, "rest a"), rest(b, "rest b")],
        ...[page(a, "link a"), page(b, "link b")],
      ])
      expect(outcomes.toSorted()).toEqual([...Array.from({ length: 5 }, () => "no_question"), "taken"])
      const winner = await bot.run()
      winner.done()
      const [answered] = await inputsOf(b)
      const told = await Promise.all(
        [phone, laptop].map((client) =>
          client.next("message", ({ data }) =>
            data.parts.some((part) => part.type === "input" && part.input_id === input_id),
          ),
        ),
      )
      expect(answered).toMatchObject({ input_id, state: "answered", answered_by: told[0]?.data.id })
      expect(winner.context.message.id).toBe(told[0]?.data.id ?? "")
      for (const client of [phone, laptop]) await client.next("end", ({ data }) => data.state === "completed")
    }
    expect(laptop.events).toEqual(phone.events)
    expect(bot.runs).toBe(10)
  },
  30_000,
)
