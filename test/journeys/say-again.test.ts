// An ack is lost, and before the message is said again, somebody changes it: it is still the same message.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

test("[P3.3, P6.10] a message that was edited since is a dup when it is said again; so is one that was deleted", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  const client = await server.connect({ chat: "c" })
  await client.say("first", "m1")
  const { data } = await client.say("second", "m2")
  expect(data).toMatchObject({ seq: 2, dup: false })
  const second = await client.next("message", ({ data }) => data.client_id === "m2")
  /** Says it once more; gives the answer to that. */
  const again = async (text: string, id: string) => {
    await client.send({ type: "message", data: { text }, id })
    await client.settled()
    return client.frames.findLast((frame) => (frame.type === "ack" || frame.type === "error") && frame.id === id)?.data
  }
  const edit = { kind: "edit" as const, message_id: second.data.id, text: "second, better" }
  expect((await client.ask({ type: "message", data: edit, id: "e1" })).type).toBe("ack")
  expect(await again("second", "m2")).toMatchObject({ seq: 2, dup: true })
  // As it is now, it is the same as well. What was not changed is held to what it says.
  expect(await again("second, better", "m2")).toMatchObject({ seq: 2, dup: true })
  expect(await again("not the first", "m1")).toMatchObject({ code: "id_conflict" })

  const gone = await server.fetch(`/chat/message/delete?chat_id=c&message_id=${second.data.id}`, { method: "DELETE" })
  expect(gone.status).toBe(200)
  expect(await again("second", "m2")).toMatchObject({ seq: 2, dup: true })
})

test("[P3.3] [P4.1] what was said with an empty text, or an empty `extra`, is told as such for ever, and is a dup when it is said again", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  const client = await server.connect({ chat: "c" })
  await client.join()
  const files = [{ name: "a.txt", url: "https://example.com/a.txt", mime_type: "text/plain" }]
  const said = [
    { type: "message", id: "m1", data: { kind: "file", files } },
    { type: "message", id: "m2", data: { kind: "text", text: "x", extra: "" } },
  ] as const
  for (const frame of said) await client.ask({ ...frame, data: { ...frame.data } })
  await server.stop()
  await using again = await startTestServer({ handlers: { bot: bot.handler }, folder: server.folder })
  const other = await again.connect({ chat: "c" })
  await other.join({ cursor: 0 })
  const told = ({ events }: typeof client) =>
    events.flatMap(({ type, data }) => (type === "message" ? [[data.message, data.extra]] : []))
  expect(told(other)).toEqual(told(client))
  for (const frame of said) expect((await other.ask(frame)).data).toMatchObject({ dup: true })
})
