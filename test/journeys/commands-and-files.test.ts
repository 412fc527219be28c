// What else can be said than text: commands to the service, and files for the bot.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene(query: Record<string, string> = {}) {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1", query })
  const command = async (text: string) => {
    const answer = await client.ask({ type: "message", data: { kind: "command", command: text } })
    expect(answer.type).toBe("ack")
    return (await client.next("result")).data
  }
  return { bot, chat, client, command }
}

test("[P3.1] /help is answered at once with the list, as a durable pair of message and result, without a turn", async () => {
  const { bot, chat, client, command } = await scene()
  await using _ = chat
  const reply = await command("/help")
  expect(reply).toMatchObject({ is_bot: true, kind: "text", turn_id: null, state: "completed" })
  for (const name of ["/help", "/title", "/stop"]) expect(reply.message).toContain(name)
  expect(client.events.map(({ seq, type }) => `${seq} ${type}`)).toEqual(["1 message", "2 result"])
  const [question] = client.events
  expect(question?.data).toMatchObject({ id: reply.reply_to, kind: "command", message: "/help", turn_id: null })
  expect(bot.runs).toBe(0)
})

test("[P3.1] /title names the chat for every device, and the name is kept", async () => {
  const { chat, client, command } = await scene()
  await using _ = chat
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  expect((await command("/title  Our trip to 北京 ")).message).toContain("Our trip to 北京")
  expect(await other.next("status", ({ seq }) => seq === 2)).toMatchObject({
    data: { topic: "Our trip to 北京", changed: ["topic"] },
  })
  expect(client.events.map(({ type }) => type)).toEqual(["message", "status", "result"])
  const answer = (await (await chat.fetch("/chat/session/c1")).json()) as { data: { topic: string } }
  expect(answer.data.topic).toBe("Our trip to 北京")
})

for (const words of ["/title", "/title   ", `/title ${"x".repeat(201)}`]) {
  test(`[P3.1] ${words.slice(0, 12).trim()} with ${words.length - 6} characters is told how it is meant, and names nothing`, async () => {
    const { chat, client, command } = await scene()
    await using _ = chat
    expect((await command(words)).message).toContain("/title")
    expect(client.events.map(({ type }) => type)).toEqual(["message", "result"])
  })
}

test("[P3.1] /stop stops the running answer; with none running it says so", async () => {
  const { bot, chat, client, command } = await scene()
  await using _ = chat
  const nothing = await command("/stop")
  await client.say("a question")
  const run = await bot.run()
  await run.say("half")
  const stopping = await command("/stop")
  expect(stopping.message).not.toBe(nothing.message)
  expect((await client.next("end")).data).toMatchObject({ state: "interrupted", reason: "stopped" })
  expect(run.context.signal.aborted).toBe(true)
  const types: string[] = client.events.map(({ type }) => type)
  expect(types.slice(2)).toEqual(["message", "message", "interrupt", "result", "result", "end"])
  expect((await command("/stop")).message).toBe(nothing.message)
})

test("[P3.1] an unknown command is answered with the list; capitals and a missing slash do not matter", async () => {
  const { chat, command } = await scene()
  await using _ = chat
  const help = (await command("HELP")).message ?? "?"
  const unknown = (await command("/dance wildly")).message
  expect(unknown).toContain("dance")
  expect(unknown).toContain(help)
})

test("[P3.1] a command takes effect during a turn: it does not wait in line", async () => {
  const { bot, chat, client, command } = await scene()
  await using _ = chat
  await client.say("a question")
  const run = await bot.run()
  await command("/title during")
  expect(run.context.signal.aborted).toBe(false)
  run.done()
  await client.next("end", ({ data }) => data.state === "completed")
})

test("[P3.1] commands answer in the caller's language", async () => {
  const { chat, command } = await scene({ lang: "zh" })
  await using _ = chat
  expect((await command("/help")).message).toMatch(/\p{Script=Han}/u)
})

test("[P3.1] a command is no part of the context of later turns", async () => {
  const { bot, chat, client, command } = await scene()
  await using _ = chat
  await command("/help")
  await client.say("a question")
  expect((await bot.run()).context.history).toEqual([])
})

test("[P3.1] a file message reaches the bot with its files and text, and starts a turn; extra is kept", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const files = [
    { name: "图.png", url: "https://files.example.org/%E5%9B%BE.png?x=1#y", mime_type: "image/png", size: 12 },
    { name: "b.txt", url: "http://localhost:9000/b", mime_type: "text/plain" },
  ]
  const data = { kind: "file" as const, files, text: "what is on it?", extra: '{"from":"phone"}' }
  expect(await client.ask({ type: "message", data })).toMatchObject({ type: "ack", data: { seq: 1 } })
  const { message } = (await bot.run()).context
  expect(message).toMatchObject({ kind: "file", message: "what is on it?", extra: '{"from":"phone"}' })
  expect(message.parts).toEqual(files.map((file) => ({ type: "file", ...file })))
})

test("[P3.1] a file message needs no text", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const files = [{ name: "a", url: "https://files.example.org/a", mime_type: "text/plain" }]
  await client.ask({ type: "message", data: { kind: "file", files } })
  expect((await bot.run()).context.message.message).toBe("")
})
