// What is deleted is gone: for who looks on, for who comes back, for the bot; its place in the order stays.
import { expect, test } from "bun:test"
import type { TestClient } from "../support/client.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

async function scene() {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  return { bot, chat, client: await chat.connect({ chat: "c1" }) }
}

async function exchange(client: TestClient, bot: ScriptedHandler, question: string, answer: string) {
  await client.ask({ type: "message", data: { text: question, extra: `extra of ${question}` } })
  const run = await bot.run()
  await run.yield({ type: "tool", tool: { tool_call_id: "t1", name: "search", state: "completed", output: answer } })
  await run.yield({ type: "usage", usage: { model: `model of ${answer}` } })
  await run.say(answer)
  run.done()
  const asked = await client.next("message")
  const result = await client.next("result")
  await client.next("end")
  return { question: asked.data.id, answer: result.data.id, history: run.context.history }
}

async function remove(chat: TestServer, ...ids: string[]): Promise<number> {
  const query = new URLSearchParams({ chat_id: "c1" })
  for (const id of ids) query.append("message_id", id)
  return (await chat.fetch(`/chat/message/delete?${query}`, { method: "DELETE" })).status
}

test("[P4.3] the deletion of messages is seen live, by every device, as a durable status that names them", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question, answer } = await exchange(client, bot, "q", "a")
  const other = await chat.connect({ chat: "c1" })
  await other.join({ cursor: 3 })
  expect(await remove(chat, question, answer)).toBe(200)
  for (const device of [client, other]) {
    const { seq, data } = await device.next("status", ({ seq }) => seq !== undefined)
    expect(seq).toBe(4)
    expect(data.changed).toEqual(["messages"])
    expect(new Set(data.deleted_messages)).toEqual(new Set([question, answer]))
  }
})

test("[P4.3] a deleted message keeps its place; replayed it says nothing, whether from memory, store or snapshot", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question, answer } = await exchange(client, bot, "SECRET question", "SECRET answer")
  await exchange(client, bot, "q2", "a2")
  await remove(chat, question, answer)
  await exchange(client, bot, "q3", "a3")

  const check = async (device: TestClient) => {
    await device.join({ cursor: 0 })
    await device.join()
    await device.settled()
    expect(JSON.stringify(device.frames)).not.toContain("SECRET")
    expect(device.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    for (const frame of device.events.slice(0, 2)) {
      expect(frame.data).toMatchObject({ message: null, parts: [], extra: null, usage: null })
      expect(frame.data).toHaveProperty("deleted_at", expect.any(String))
    }
    const [, start] = device.frames.filter((frame) => frame.type === "start" && "session" in frame.data)
    const snapshot = start?.type === "start" && "snapshot" in start.data ? start.data.snapshot : undefined
    expect(snapshot?.map(({ message }) => message)).toEqual(["q2", "a2", "q3", "a3"])
  }
  await check(await chat.connect({ chat: "c1" }))
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  await check(await again.connect({ chat: "c1" }))
})

test("[P4.3] what was deleted is not context of later turns, in memory or after a restart", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const first = await exchange(client, bot, "q1", "a1")
  const second = await exchange(client, bot, "q2", "a2")
  await exchange(client, bot, "q3", "a3")
  await remove(chat, first.question)
  await remove(chat, second.answer)
  const fourth = await exchange(client, bot, "q4", "a4")
  expect(fourth.history.map(({ question }) => question.message)).toEqual(["q3"])
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  const fifth = await exchange(await again.connect({ chat: "c1" }), bot, "q5", "a5")
  expect(fifth.history.map(({ answer }) => answer.message)).toEqual(["a3", "a4"])
})

test("[P4.3] a question that is deleted while the bot answers it: the turn ends as it would, and is no context", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("q1")
  const run = await bot.run()
  await run.say("a")
  const { id } = (await client.next("message")).data
  expect(await remove(chat, id)).toBe(200)
  await run.say("1")
  run.done()
  expect((await client.next("result")).data).toMatchObject({ message: "a1", reply_to: id })
  expect((await client.next("end")).data.state).toBe("completed")
  expect((await exchange(client, bot, "q2", "a2")).history).toEqual([])
  expect((await exchange(client, bot, "q3", "a3")).history.map(({ question }) => question.message)).toEqual(["q2"])
})

test("[P4.3] a question that is deleted while it waits in line is not answered: its turn ends as interrupted", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("q1")
  const run = await bot.run()
  await client.say("SECRET", "m2")
  const { id, turn_id } = (await client.next("message", ({ data }) => data.client_id === "m2")).data
  await client.say("q3")
  await remove(chat, id)
  run.done()
  const third = await bot.run()
  expect(third.context.message.message).toBe("q3")
  expect(JSON.stringify(third.context.history)).not.toContain("SECRET")
  const end = await client.next("end", ({ data }) => data.turn_id === turn_id)
  expect(end.data).toMatchObject({ state: "interrupted", reason: "stopped", message_id: null })
})

test("[P4.3] a message that is deleted twice is deleted once", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question } = await exchange(client, bot, "q", "a")
  const statuses = await Promise.all([remove(chat, question), remove(chat, question)])
  expect(statuses).toContain(200)
  expect(await remove(chat, question)).toBe(404)
  await client.settled()
  const deleted = client.frames.filter((frame) => frame.type === "status" && frame.data.changed.includes("messages"))
  expect(deleted.length).toBe(1)
})

test("[P4.3] a client that joins while messages are deleted never gets the text after the deletion", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { question } = await exchange(client, bot, "SECRET", "a")
  const devices = await Promise.all(Array.from({ length: 10 }, () => chat.connect({ chat: "c1" })))
  const joining = devices.map((device) => device.join({ cursor: 0 }))
  await remove(chat, question)
  await Promise.all(joining)
  for (const device of devices) {
    await device.seen(4)
    const text = device.events.map((frame) => JSON.stringify(frame))
    const deletion = text.findIndex((frame) => frame.includes("deleted_messages"))
    expect(text.slice(deletion).join()).not.toContain("SECRET")
    expect(device.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  }
})

test("[P8.2] a session that is deleted is told to its clients with chat_deleted and 4510, and cannot be had again", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("q1")
  const run = await bot.run()
  await client.say("q2")
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  expect((await chat.fetch("/chat/session/c1", { method: "DELETE" })).status).toBe(200)
  for (const device of [client, other]) {
    expect(await device.closed).toMatchObject({ code: 4510 })
    expect(device.frames.at(-1)).toMatchObject({ type: "error", data: { code: "chat_deleted", retry: false } })
    expect(device.frames.at(-2)).toMatchObject({ type: "status", data: { changed: ["deleted"] } })
  }
  await run.returned
  const again = await chat.connect({ chat: "c1" })
  expect(await again.closed).toMatchObject({ code: 4510 })
  expect(again.frames).toMatchObject([{ type: "error", data: { code: "chat_deleted" } }])
  // The one in line is not run for a chat that is gone.
  await chat.stop()
  expect(bot.runs).toBe(1)
})

test("[P8.2] a client that has connected but not joined when its chat is deleted is told so as soon as it says something", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  await client.join()
  const silent = await chat.connect({ chat: "c1" })
  await silent.settled()
  await chat.fetch("/chat/session/c1", { method: "DELETE" })
  await silent.send({ type: "message", data: { text: "hello" }, id: "m1" })
  expect(await silent.closed).toMatchObject({ code: 4510 })
  expect(silent.frames.at(-1)).toMatchObject({ type: "error", id: "m1", data: { code: "chat_deleted" } })
})

test("[P4.3] a question goes with the message that asks it: it is closed for all, and told nowhere any more", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("go")
  const fields = [{ type: "number" as const, key: "n", label: "SECRET label", required: true }]
  void (await bot.run()).yield({ type: "question", prompt: "SECRET prompt", fields })
  const { message_id, question } = (await client.next("end")).data
  const post = { method: "POST", body: "{}", headers: { "content-type": "application/json" } }
  const made = await chat.fetch(`/chat/inputs/${question?.input_id}/link`, post)
  const { url } = ((await made.json()) as { data: { url: string } }).data
  // Whatever is told while it is open says it as well.
  await client.ask({ type: "message", data: { kind: "command", command: "/title named" } })
  expect(await remove(chat, message_id ?? "")).toBe(200)
  const { data } = await client.next("status", ({ data }) => data.changed.includes("messages"))
  expect(data).toMatchObject({ changed: ["messages", "question", "state"], question: null, state: "completed" })
  const input = { type: "message", data: { kind: "input", answer: { n: 1 } } } as const
  expect(await client.ask(input)).toMatchObject({ type: "error", data: { code: "no_question" } })
  const page = await fetch(url)
  expect([page.status, (await page.text()).includes("SECRET")]).toEqual([409, false])
  const listed = await (await chat.fetch("/chat/inputs")).text()
  expect(listed).toContain('"state":"closed"')
  expect(listed).not.toContain("SECRET")
  const check = async (device: TestClient) => {
    const [start] = await device.join({ cursor: 0 })
    expect(start?.data).toMatchObject({ question: null, session: { state: "completed", topic: "named" } })
    expect(JSON.stringify(device.frames)).not.toContain("SECRET")
    // A number is an ordinary message now.
    await device.say("1")
    const run = await bot.run()
    expect(run.context.message.kind).toBe("text")
    run.done()
    await device.next("end")
  }
  await check(await chat.connect({ chat: "c1" }))
})

test("[P4.3, P6.7] a question that is deleted while another turn runs leaves it running; an answered one says nothing more", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("go")
  const fields = [{ type: "number" as const, key: "n", required: true }]
  void (await bot.run()).yield({ type: "question", prompt: "SECRET 1", fields })
  const first = (await client.next("end")).data
  await client.say("something else")
  const between = await bot.run()
  await remove(chat, first.message_id ?? "")
  const { data } = await client.next("status", ({ data }) => data.changed.includes("messages"))
  expect(data).toMatchObject({ changed: ["messages", "question"], question: null, state: "running" })
  void between.yield({ type: "question", prompt: "SECRET 2" })
  const second = (await client.next("end")).data
  await client.say("the answer")
  ;(await bot.run()).done()
  await client.next("end")
  await remove(chat, second.message_id ?? "")
  const { data: last } = await client.next("status", ({ data }) => data.changed.includes("messages"))
  expect(last.changed).toEqual(["messages"])
  const listed = (await (await chat.fetch("/chat/inputs")).json()) as { data: { items: object[] } }
  expect(listed.data.items).toMatchObject([
    { state: "answered", prompt: "", answer: "the answer" },
    { state: "closed", prompt: "" },
  ])
  const device = await chat.connect({ chat: "c1" })
  await device.join({ cursor: 0 })
  expect(JSON.stringify(device.frames)).not.toContain("SECRET")
})
