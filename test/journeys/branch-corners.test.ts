// Branches where several messages are one question, where answers were never given, and where messages were deleted.
import { expect, test } from "bun:test"
import { z } from "zod"
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

async function answered(client: TestClient, bot: ScriptedHandler, text: string, checkpoint?: string) {
  const run = await bot.run()
  await run.say(text)
  if (checkpoint !== undefined) await run.yield({ type: "checkpoint", checkpoint })
  run.done()
  await client.next("end", ({ data }) => data.state === "completed")
  const known = run.context.history.flatMap(({ question, answer }) => [question.message, answer.message])
  return { known, asked: run.context.message, checkpoint: run.context.checkpoint }
}

async function said(client: TestClient, text: string, more: { policy?: "merge"; reply_to?: string | null } = {}) {
  const id = crypto.randomUUID()
  await client.ask({ type: "message", data: { kind: "text", text, ...more }, id })
  return (await client.next("message", ({ data }) => data.client_id === id)).data
}

const Page = z.object({ data: pageOf(Message) })

/** The active branch, with pages of each of these sizes, and as it is exported. */
async function branches(chat: TestServer) {
  const lists: unknown[] = []
  for (const limit of [1, 2, 100]) {
    const items: (string | null)[] = []
    for (let cursor: string | null = ""; cursor !== null; ) {
      const query = `chat_id=c1&branch=active&limit=${limit}${cursor && `&cursor=${cursor}`}`
      const { data } = Page.parse(await (await chat.fetch(`/chat/message/history?${query}`)).json())
      items.push(...data.items.map(({ message }) => message))
      cursor = data.next_cursor
    }
    lists.push(items.reverse())
  }
  const json = (await (await chat.fetch("/chat/message/export?chat_id=c1&format=json")).json()) as {
    messages: Message[]
  }
  return [...lists, json.messages.map(({ message }) => message)]
}

const fourTimes = (texts: string[]) => [texts, texts, texts, texts]

/** "2" and "and more" wait as one question while "1" is answered. */
async function joined() {
  const { bot, chat, client } = await scene()
  await said(client, "1")
  const first = await said(client, "2")
  const more = await said(client, "and more", { policy: "merge" })
  return { bot, chat, client, first, more }
}

test("[P6.12, P6.3] a message that joined another is asked again, and switched to, together with it", async () => {
  const { bot, chat, client, first, more } = await joined()
  await using _ = chat
  await answered(client, bot, "1!")
  await answered(client, bot, "2!")
  await client.ask({ type: "message", data: { kind: "regenerate", message_id: more.id } })
  expect((await client.next("status", ({ data }) => data.regenerated !== undefined)).data.regenerated).toMatchObject({
    ...{ message_id: first.id, merged: [more.id] },
  })
  expect(await answered(client, bot, "2?")).toMatchObject({ known: ["1", "1!"], asked: { message: "2\n\nand more" } })
  await client.ask({ type: "message", data: { kind: "switch", message_id: more.id } })
  expect((await client.next("status", ({ data }) => !data.regenerated && data.head !== null)).data.head).toBe(first.id)
  expect(await branches(chat)).toEqual(fourTimes(["1", "1!", "2", "and more"]))
})

test("[P6.12, P4.3] what joined a message is asked, known and read when that one is deleted, now and after a restart", async () => {
  const { bot, chat, client, first } = await joined()
  await using folder = chat
  await chat.fetch(`/chat/message/delete?chat_id=c1&message_id=${first.id}`, { method: "DELETE" })
  await answered(client, bot, "1!", "after 1")
  const left = await answered(client, bot, "2!", "after 2")
  expect(left).toMatchObject({
    known: ["1", "1!"],
    asked: { message: "and more", id: first.id },
    checkpoint: "after 1",
  })
  expect(await branches(chat)).toEqual(fourTimes(["1", "1!", "and more", "2!"]))
  await client.ask({ type: "message", data: { kind: "regenerate" } })
  const again = { known: ["1", "1!"], asked: { message: "and more" }, checkpoint: "after 1" }
  expect(await answered(client, bot, "2?", "after 2")).toMatchObject(again)
  expect(await branches(chat)).toEqual(fourTimes(["1", "1!", "and more", "2?"]))
  await chat.stop()
  await using restarted = await startTestServer({ handlers: { scripted: bot.handler }, folder: folder.folder })
  const back = await restarted.connect({ chat: "c1" })
  await said(back, "3")
  const known = ["1", "1!", "and more", "2?"]
  expect(await answered(back, bot, "3!")).toMatchObject({ known, checkpoint: "after 2" })
})

test("[P6.12, P6.3] a question that waits to be asked again takes no message in: what is said is one of its own", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await said(client, "1")
  await answered(client, bot, "1!")
  await said(client, "2")
  await client.ask({ type: "message", data: { kind: "regenerate" } })
  await said(client, "3", { policy: "merge" })
  await answered(client, bot, "2!")
  expect((await answered(client, bot, "2?")).asked.message).toBe("2")
  expect(await answered(client, bot, "3!")).toMatchObject({ known: ["1", "1!", "2", "2?"], asked: { message: "3" } })
  expect(await branches(chat)).toEqual(fourTimes(["1", "1!", "2", "2?", "3", "3!"]))
})

test("[P6.12] what follows an answer that was never given can be said in other words, beside it", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await said(client, "1")
  await answered(client, bot, "1!")
  await said(client, "2")
  await bot.run()
  await client.ask({ type: "interrupt", data: {} })
  await client.next("end", ({ data }) => data.state === "interrupted")
  const third = await said(client, "3")
  await answered(client, bot, "3!")
  const words = await said(client, "three", { reply_to: third.reply_to })
  expect(words.reply_to).toBe(third.reply_to)
  expect(await answered(client, bot, "three!")).toMatchObject({ known: ["1", "1!"] })
  expect(await branches(chat)).toEqual(fourTimes(["1", "1!", "2", "three", "three!"]))
  // Of one's own chat only, and of no turn that is not there.
  const other = await chat.connect({ user: 2, chat: "c1" })
  for (const [who, reply_to] of [
    [other, third.reply_to],
    [client, third.reply_to?.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"))],
  ] as const) {
    const data = { kind: "text", text: "x", reply_to } as const
    expect(await who.ask({ type: "message", data })).toMatchObject({ type: "error", data: { code: "not_found" } })
  }
})

test("[P6.7, P6.12] a question that is open on another branch takes no text; it waits there, and is answered by input", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await said(client, "1")
  await answered(client, bot, "1!")
  await said(client, "2")
  const asking = await bot.run()
  // What waits in line already is on its branch.
  await said(client, "3")
  void asking.yield({ type: "question", prompt: "Which?" })
  const { question, message_id } = (await client.next("end")).data
  await answered(client, bot, "3!")
  const first = (await client.join({ cursor: 0 })).find((frame) => frame.type === "result")
  const elsewhere = async (head: string | null) => {
    await client.ask({ type: "message", data: { kind: "switch", message_id: head } })
    const { kind, parts } = await said(client, "not for you")
    expect([kind, parts]).toEqual(["text", []])
    await answered(client, bot, "!")
  }
  await elsewhere(null)
  await elsewhere(first?.type === "result" ? first.data.id : "")
  await client.ask({ type: "message", data: { kind: "switch", message_id: message_id ?? "" } })
  const back = await said(client, "this one")
  expect(back).toMatchObject({ parts: [{ type: "input", input_id: question?.input_id }], reply_to: message_id })
  expect(await answered(client, bot, "4!")).toMatchObject({ known: ["1", "1!", "2", ""] })
})
