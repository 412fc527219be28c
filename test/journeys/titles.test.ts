// A chat gets its name in the background: by the model, or from its first words.
import { expect, test } from "bun:test"
import type { Log } from "../../src/log.ts"
import { silentLog } from "../../src/log.ts"
import type { TestClient } from "../support/client.ts"
import { startModelServer } from "../support/model-server.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

const byWords = { CHAT_AUTO_TITLE: "words" }

async function scene(env: Record<string, string> = byWords, log?: Log) {
  const bot = scriptedHandler()
  const server = await startTestServer({ handlers: { bot: bot.handler }, env, ...(log ? { log } : {}) })
  return { bot, server, client: await server.connect({ chat: "c" }) }
}

async function exchange(client: TestClient, bot: ScriptedHandler, text: string) {
  await client.say(text)
  const run = await bot.run()
  await run.say("answer")
  run.done()
  await client.next("end")
}

async function topicOf(server: TestServer): Promise<string | null> {
  const { data } = (await (await server.fetch("/chat/session/c")).json()) as { data: { topic: string | null } }
  return data.topic
}

const topics = (client: TestClient) =>
  client.events.flatMap((event) =>
    event.type === "status" && event.data.changed.includes("topic") ? [event.data.topic] : [],
  )

test("[P6.17] without a model a chat is called by the first words of its first message, once, told to every device", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  const other = await server.connect({ chat: "c" })
  await other.join()
  await client.say(
    "请帮我写一份关于气候变化对中国北方农业影响的详细研究报告，并附上参考文献以及数据来源的说明和图表，谢谢你的帮助啊朋友，期待你的回复",
    "q1",
  )
  ;(await bot.run()).done()
  const status = await other.next("status", ({ data }) => data.changed.includes("topic"))
  expect(status).toMatchObject({ trace_id: "trace-q1", seq: 3, data: { changed: ["topic"] } })
  expect(status.data.topic).toMatch(/^请帮我写一份关于气候变化.*…$/)
  expect(status.data.topic?.length).toBeLessThanOrEqual(60)
  expect(await topicOf(server)).toBe(status.data.topic)
  await exchange(client, bot, "another question")
  await exchange(client, bot, "a third")
  expect(topics(client)).toEqual([status.data.topic])
})

test("[P6.17] with a model the model is asked; its answer is made one short line", async () => {
  await using model = await startModelServer()
  model.mock.onMessage(/./, { content: '"Climate and farming in northern China."\nHere you are!' })
  const { bot, server, client } = await scene({ CHAT_AUTO_TITLE: "auto", MODEL_BASE_URL: model.url })
  await using _ = server
  await exchange(client, bot, "Write about climate")
  const status = await client.next("status", ({ data }) => data.changed.includes("topic"))
  expect(status.data.topic).toBe("Climate and farming in northern China")
  expect(JSON.stringify(model.bodies())).toContain("Write about climate")
  expect(model.bodies()).toHaveLength(1)
})

test("[P6.17] a model that fails is logged, and the first words are taken", async () => {
  const warned: string[] = []
  const log: Log = { ...silentLog, warn: (_, text) => void warned.push(text), child: () => log }
  await using model = await startModelServer()
  model.mock.onMessage(/./, { error: { message: "no" }, status: 500 })
  const { bot, server, client } = await scene({ CHAT_AUTO_TITLE: "model", MODEL_BASE_URL: model.url }, log)
  await using _ = server
  await exchange(client, bot, "Write about climate")
  await client.next("status", ({ data }) => data.topic === "Write about climate")
  expect(warned).toContain("the model gave no title")
})

test("[P6.17] no turn waits for a title, and a title that somebody gave meanwhile stays", async () => {
  await using model = await startModelServer()
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  model.mock.onMessage(/./, async () => {
    asked.resolve()
    await answer.promise
    return { content: "Too late" }
  })
  const { bot, server, client } = await scene({ CHAT_AUTO_TITLE: "model", MODEL_BASE_URL: model.url })
  await using _ = server
  await exchange(client, bot, "one")
  await asked.promise
  await exchange(client, bot, "two")
  await client.ask({ type: "message", data: { kind: "command", command: "/title mine" } })
  answer.resolve()
  await exchange(client, bot, "three")
  await client.settled()
  expect(topics(client)).toEqual(["mine"])
  expect(await topicOf(server)).toBe("mine")
})

test("[P6.17] the shutdown does not wait for a title", async () => {
  await using model = await startModelServer()
  model.mock.onMessage(/./, { content: "late" }, { latency: 600_000 })
  const { bot, server, client } = await scene({ CHAT_AUTO_TITLE: "model", MODEL_BASE_URL: model.url })
  await using _ = server
  await exchange(client, bot, "one")
  await model.received()
  await server.stop()
  await model.abandoned()
  await using again = await startTestServer({ handlers: { bot: bot.handler }, folder: server.folder, env: byWords })
  expect(await topicOf(again)).toBeNull()
  // The next answer finds it nameless still.
  const back = await again.connect({ chat: "c" })
  await exchange(back, bot, "two")
  await back.next("status", ({ data }) => data.topic === "one")
})

test("[P6.17] a turn that failed or was stopped names nothing, nor does a command", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  await client.ask({ type: "message", data: { kind: "command", command: "/help" } })
  await client.say("broken")
  ;(await bot.run()).fail(new Error("oh"))
  await client.next("end")
  await client.say("stopped")
  await bot.run()
  await client.send({ type: "interrupt" })
  await client.next("end")
  expect(topics(client)).toEqual([])
  await exchange(client, bot, "well")
  await client.next("status", ({ data }) => data.topic === "broken")
})

test("[P6.17] a title that was taken away does not come back, and a bot's own title stays", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  await client.say("one")
  const run = await bot.run()
  await run.yield({ type: "title", title: "the bot's" })
  run.done()
  await client.next("end")
  const cleared = await server.fetch("/chat/session/c", {
    method: "PUT",
    body: JSON.stringify({ topic: null }),
    headers: { "Content-Type": "application/json" },
  })
  expect(cleared.status).toBe(200)
  await exchange(client, bot, "two")
  await exchange(client, bot, "three")
  await client.settled()
  expect(topics(client)).toEqual(["the bot's", null])
})

test("[P6.17] off: nothing is named", async () => {
  const { bot, server, client } = await scene({ CHAT_AUTO_TITLE: "off" })
  await using _ = server
  await exchange(client, bot, "one")
  await exchange(client, bot, "two")
  expect(topics(client)).toEqual([])
})

test.skipIf(noSqld !== null)("[P6.17] two instances that name a chat at once name it once", async () => {
  await using sqld = await startSqld()
  await using model = await startModelServer()
  const both = Promise.withResolvers<void>()
  let asked = 0
  model.mock.onMessage(/./, async () => {
    asked += 1
    if (asked === 2) both.resolve()
    await both.promise
    return { content: `title of asker ${asked}` }
  })
  const env = {
    ...{ CHAT_AUTO_TITLE: "model", MODEL_BASE_URL: model.url, DATABASE_URL: sqld.url },
    JWT_SECRET: "a secret for both instances, long enough to be one",
  }
  const { bot, server, client } = await scene(env)
  await using _ = server
  await exchange(client, bot, "here")
  const beside = scriptedHandler()
  await using other = await startTestServer({ handlers: { bot: beside.handler }, env })
  const there = await other.connect({ chat: "c" })
  await exchange(there, beside, "there")
  for (const device of [client, there]) await device.next("status", ({ data }) => data.changed.includes("topic"))
  await exchange(client, bot, "again")
  await there.seen(client.events.at(-1)?.seq ?? 0)
  expect(asked).toBe(2)
  expect([topics(client).length, topics(there)]).toEqual([1, topics(client)])
})
