// A file on its way: uploaded once, named in a message, read by the bot, answered with another.
import { expect, test } from "bun:test"
import { docxOf } from "../files/archives.ts"
import { keep } from "../files/support.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene() {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  const send = (files: ({ file_id: string } | { name: string; url: string; mime_type: string })[], id?: string) =>
    client.ask({ type: "message", data: { kind: "file", files, text: "read this" }, ...(id ? { id } : {}) })
  return { bot, chat, client, send }
}

test("[P3.8] a message names an uploaded file by its id alone; everybody gets all that is known of it, and the bot its content", async () => {
  const { bot, chat, client, send } = await scene()
  await using _ = chat
  const { create_time, ...file } = await keep(chat, docxOf(["Dear bot"]), "letter.docx")
  const elsewhere = { name: "b.txt", url: "https://files.example.org/b", mime_type: "text/plain" }
  expect(await send([{ file_id: file.file_id }, elsewhere])).toMatchObject({ type: "ack", data: { seq: 1 } })
  const parts = [
    { type: "file" as const, ...file },
    { type: "file" as const, ...elsewhere },
  ]
  expect((await client.next("message")).data.parts).toEqual(parts)
  const { context } = await bot.run()
  expect(context.message.parts).toEqual(parts)
  expect(await context.files.text(file.file_id)).toBe("Dear bot")
  expect(create_time).toBeString()
})

test("[P3.8] a file that is not the sender's own is not there, nor one that was deleted; nothing of such a message happens", async () => {
  const { bot, chat, client, send } = await scene()
  await using _ = chat
  const theirs = await keep(chat, "theirs", "a.txt", 2)
  const gone = await keep(chat, "gone")
  await chat.fetch(gone.url, { method: "DELETE" })
  const own = await keep(chat, "own")
  for (const { file_id } of [theirs, gone, { file_id: `fil_${"0".repeat(32)}` }]) {
    expect(await send([{ file_id: own.file_id }, { file_id }])).toMatchObject({
      type: "error",
      data: { code: "not_found", message: "There is no such file, or it is not yours. Check the id." },
    })
  }
  expect(await send(Array.from({ length: 11 }, () => ({ file_id: own.file_id })))).toMatchObject({
    data: { code: "bad_frame" },
  })
  expect(client.events).toEqual([])
  expect(bot.runs).toBe(0)
})

test("[P3.8] a resend is the same message, also when its file was deleted in between; other files with its id are not", async () => {
  const { chat } = await scene()
  await using _ = chat
  const [one, two] = [await keep(chat, "one"), await keep(chat, "two")]
  // Each time from another device, as after a loss of the connection.
  const send = async ({ file_id }: { file_id: string }, id: string) =>
    (await chat.connect({ chat: "c1" })).ask({ type: "message", data: { kind: "file", files: [{ file_id }] }, id })
  expect(await send(one, "m1")).toMatchObject({ data: { seq: 1, dup: false } })
  expect(await send(one, "m1")).toMatchObject({ data: { seq: 1, dup: true } })
  await chat.fetch(one.url, { method: "DELETE" })
  expect(await send(one, "m1")).toMatchObject({ data: { seq: 1, dup: true } })
  expect(await send(two, "m1")).toMatchObject({ data: { code: "id_conflict" } })
  expect(await send(one, "m2")).toMatchObject({ data: { code: "not_found" } })
})

test("[P3.8] what a bot makes belongs to the chat's owner, who reads it under its address", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("a table, please")
  const run = await bot.run()
  const file = await run.context.files.save({ name: "table.csv", mime_type: "text/csv", content: "城市,人\n北京,1" })
  await run.yield({ type: "file", file })
  await run.say("Here it is.")
  run.done()
  const { data } = await client.next("result")
  expect(data.parts).toEqual([{ type: "file", ...file }])
  expect(await (await chat.fetch(file.url)).text()).toBe("城市,人\n北京,1")
  expect((await chat.fetch(file.url, { user: 2 })).status).toBe(404)
})
