// Branches: a question asked again, said in other words, or left behind; nothing is overwritten.
import { expect, test } from "bun:test"
import { z } from "zod"
import type { ClientFrameInput } from "../../src/protocol/client-frame.ts"
import { Message } from "../../src/protocol/message.ts"
import { pageOf } from "../../src/protocol/route.ts"
import type { TestClient } from "../support/client.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

async function scene() {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  return { bot, chat, client: await chat.connect({ chat: "c1" }) }
}

/** Lets the next turn answer; resolves with what the bot knew, and with the answer as it was stored. */
async function answered(client: TestClient, bot: ScriptedHandler, text: string, checkpoint?: string) {
  const run = await bot.run()
  await run.say(text)
  if (checkpoint !== undefined) await run.yield({ type: "checkpoint", checkpoint })
  run.done()
  const { data: answer } = await client.next("result")
  await client.next("end")
  const known = run.context.history.flatMap(({ question, answer }) => [question.message, answer.message])
  return { known, answer, asked: run.context.message, checkpoint: run.context.checkpoint }
}

async function exchange(client: TestClient, bot: ScriptedHandler, text: string, checkpoint?: string) {
  await client.say(text)
  return answered(client, bot, `${text}!`, checkpoint)
}

const Page = z.object({ data: pageOf(Message) })

async function branch(chat: TestServer, limit = 100): Promise<Message[]> {
  const items: Message[] = []
  for (let cursor = ""; ; ) {
    const query = `chat_id=c1&branch=active&limit=${limit}${cursor && `&cursor=${cursor}`}`
    const { data } = Page.parse(await (await chat.fetch(`/chat/message/history?${query}`)).json())
    items.push(...data.items)
    if (data.next_cursor === null) return items.reverse()
    cursor = data.next_cursor
  }
}

const texts = (messages: readonly Message[]) => messages.map(({ message }) => message)

test("[P6.12] every message says what it follows: the answer before it, the question that it answers", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const first = await exchange(client, bot, "1")
  const second = await exchange(client, bot, "2")
  expect(first.asked.reply_to).toBeNull()
  expect(first.answer.reply_to).toBe(first.asked.id)
  expect(second.asked.reply_to).toBe(first.answer.id)
  // Said in a row, each follows the answer that is still to come.
  for (const text of ["3", "4"]) await client.say(text)
  const third = await answered(client, bot, "3!")
  const fourth = await answered(client, bot, "4!")
  expect([third.asked.reply_to, fourth.asked.reply_to]).toEqual([second.answer.id, third.answer.id])
})

test("[P6.12] regenerate: the same question gets a second answer, which knows nothing of the first", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await exchange(client, bot, "1", "after 1")
  const before = await exchange(client, bot, "2", "after 2")
  const ack = await client.ask({ type: "message", data: { kind: "regenerate" }, id: "again" })
  expect(ack).toMatchObject({ type: "ack", data: { dup: false } })
  const status = await client.next("status", ({ data }) => data.regenerated !== undefined)
  expect(status.data).toMatchObject({
    ...{ changed: ["branch"], head: before.asked.id, client_id: "again" },
    regenerated: { message_id: before.asked.id },
  })
  const again = await answered(client, bot, "2 in other words")
  expect(again).toMatchObject({ known: ["1", "1!"], checkpoint: "after 1", asked: { id: before.asked.id } })
  expect(again.answer).toMatchObject({ reply_to: before.asked.id, message: "2 in other words" })
  expect(again.answer.turn_id).toBe(status.data.regenerated?.turn_id ?? "")
  // What is said next goes on from the new answer.
  const next = await exchange(client, bot, "3")
  expect(next).toMatchObject({ known: ["1", "1!", "2", "2 in other words"], asked: { reply_to: again.answer.id } })
  expect(texts(await branch(chat))).toEqual(["1", "1!", "2", "2 in other words", "3", "3!"])
  const all = Page.parse(await (await chat.fetch("/chat/message/history?chat_id=c1&order=asc")).json())
  expect(texts(all.data.items)).toEqual(["1", "1!", "2", "2!", "2 in other words", "3", "3!"])
})

test("[P6.12] an earlier message said in other words begins a branch beside it, with what was left before it", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const first = await exchange(client, bot, "1", "after 1")
  const second = await exchange(client, bot, "2", "after 2")
  await exchange(client, bot, "3")
  const data = { kind: "text", text: "two", reply_to: second.asked.reply_to } as const
  await client.ask({ type: "message", data, id: "edited" })
  const edited = await answered(client, bot, "two!")
  expect(edited).toMatchObject({ known: ["1", "1!"], checkpoint: "after 1", asked: { reply_to: first.answer.id } })
  expect(texts(await branch(chat))).toEqual(["1", "1!", "two", "two!"])
  // The very first one, too.
  await client.ask({ type: "message", data: { kind: "text", text: "one", reply_to: null }, id: "first" })
  expect(await answered(client, bot, "one!")).toMatchObject({ known: [], checkpoint: null })
  expect(texts(await branch(chat))).toEqual(["one", "one!"])
})

test("[P6.12] switch: the conversation goes on from another message, on every device, and after a restart", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  await exchange(client, bot, "1")
  const second = await exchange(client, bot, "2", "after 2")
  await client.ask({ type: "message", data: { kind: "text", text: "two", reply_to: second.asked.reply_to } })
  await answered(client, bot, "two!")
  await client.ask({ type: "message", data: { kind: "switch", message_id: second.answer.id }, id: "back" })
  const told = await other.next("status", ({ data }) => data.changed.includes("branch"))
  expect(told.data.head).toBe(second.answer.id)
  expect(texts(await branch(chat, 1))).toEqual(["1", "1!", "2", "2!"])
  await chat.stop()
  await using restarted = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  const back = await restarted.connect({ chat: "c1" })
  const joined = await back.next("start", ({ data }) => "session" in data)
  expect(joined.data).toMatchObject({ session: { head: second.answer.id } })
  expect(await exchange(back, bot, "3")).toMatchObject({ known: ["1", "1!", "2", "2!"], checkpoint: "after 2" })
})

test("[P6.12] an answer that was stopped before it said anything is followed all the same", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await exchange(client, bot, "1")
  await client.say("2")
  const run = await bot.run()
  await client.ask({ type: "interrupt", data: {} })
  await client.next("end")
  expect(run.context.signal.aborted).toBe(true)
  expect(await exchange(client, bot, "3")).toMatchObject({ known: ["1", "1!"] })
  expect(texts(await branch(chat))).toEqual(["1", "1!", "2", "3", "3!"])
})

test("[P6.12] what is not an answer of this chat cannot be followed, nor a foreign message switched to or asked again", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { answer, asked } = await exchange(client, bot, "1")
  const foreign = await chat.connect({ user: 2, chat: "c1" })
  const refused = async (who: TestClient, data: Extract<ClientFrameInput, { type: "message" }>["data"]) => {
    const frame = await who.ask({ type: "message", data })
    expect(frame).toMatchObject({ type: "error", data: { code: "not_found" } })
  }
  await refused(client, { kind: "text", text: "x", reply_to: asked.id })
  await refused(foreign, { kind: "text", text: "x", reply_to: answer.id })
  await refused(foreign, { kind: "switch", message_id: answer.id })
  await refused(foreign, { kind: "regenerate", message_id: answer.id })
  await refused(foreign, { kind: "regenerate" })
  expect(bot.runs).toBe(1)
})

test("[P3.3, P6.12] regenerate and switch happen once for their id, whatever happened since", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const { answer } = await exchange(client, bot, "1")
  const again = { type: "message", data: { kind: "regenerate", message_id: answer.id }, id: "again" } as const
  const away = { type: "message", data: { kind: "switch", message_id: answer.id }, id: "away" } as const
  const first = await client.ask(again)
  await answered(client, bot, "1?")
  const second = await client.ask(away)
  const later = await chat.connect({ chat: "c1" })
  for (const [frame, before] of [
    [again, first],
    [away, second],
  ] as const) {
    expect(await later.ask(frame)).toMatchObject({ type: "ack", data: { ...before.data, dup: true } })
  }
  const last = await chat.connect({ chat: "c1" })
  const other = await last.ask({ ...away, data: { kind: "switch", message_id: null } })
  expect(other).toMatchObject({ type: "error", data: { code: "id_conflict" } })
  expect(bot.runs).toBe(2)
})

test("[P6.12, P6.3] a question that is asked again waits in line, or is refused as the line says", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await exchange(client, bot, "1")
  await client.say("2")
  const run = await bot.run()
  const busy = await client.ask({ type: "message", data: { kind: "regenerate", policy: "reject" } })
  expect(busy).toMatchObject({ type: "error", data: { code: "busy" } })
  await client.ask({ type: "message", data: { kind: "regenerate" } })
  await run.say("2!")
  run.done()
  await client.next("end")
  const again = await answered(client, bot, "2 again")
  expect(again).toMatchObject({ known: ["1", "1!"], asked: { message: "2" } })
  expect(await exchange(client, bot, "3")).toMatchObject({ known: ["1", "1!", "2", "2 again"] })
})

test("[P6.12, P6.3] messages that joined a question are asked again with it, and read with it", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("1")
  const run = await bot.run()
  for (const text of ["2", "and more"])
    await client.ask({ type: "message", data: { kind: "text", text, policy: "merge" } })
  run.done()
  await client.next("end")
  await answered(client, bot, "2!")
  await client.ask({ type: "message", data: { kind: "regenerate" } })
  expect((await answered(client, bot, "2?")).asked.message).toBe("2\n\nand more")
  expect(texts(await branch(chat))).toEqual(["1", "2", "and more", "2?"])
})
