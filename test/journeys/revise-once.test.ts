// An edit or a rating whose ack was lost is sent again, and what others changed meanwhile stands.
import { expect, test } from "bun:test"
import type { TestClient } from "../support/client.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

/** "one" was answered and its answer may be rated; "two" is running; "three" and "four" wait in line and may be edited. */
async function scene() {
  const bot = scriptedHandler()
  const server = await startTestServer({ handlers: { bot: bot.handler } })
  const client = await server.connect({ chat: "c" })
  await client.say("one", "one")
  const one = await bot.run()
  await one.say("answer")
  one.done()
  await client.next("end")
  for (const text of ["two", "three", "four"]) await client.say(text, text)
  const two = await bot.run()
  const idOf = (text: string): string => {
    const said = client.events.find(
      (frame) => (frame.type === "message" || frame.type === "result") && frame.data.message === text,
    )
    if (said?.type !== "message" && said?.type !== "result") throw new Error(`nobody said ${text}`)
    return said.data.id
  }
  const ids = { answer: idOf("answer"), three: idOf("three"), four: idOf("four") }
  return { bot, two, server, client, ids, connect: () => server.connect({ chat: "c" }) }
}

const edit = (message_id: string, text: string, id?: string) => ({
  type: "message" as const,
  data: { kind: "edit" as const, message_id, text },
  ...(id === undefined ? {} : { id }),
})
const rate = (message_id: string, liked: number, id?: string) => ({
  type: "message" as const,
  data: { kind: "feedback" as const, message_id, liked },
  ...(id === undefined ? {} : { id }),
})

/** The chat as somebody sees it who comes now. */
async function seenBy(late: TestClient) {
  await late.join({ cursor: 0 })
  return {
    top: late.events.at(-1)?.seq,
    of: (id: string) =>
      late.events.flatMap((frame) =>
        (frame.type === "message" || frame.type === "result") && frame.data.id === id ? [frame.data] : [],
      )[0],
  }
}

const conflict = { type: "error", data: { code: "id_conflict", retry: false } }
const dupOf = (seq: number) => ({ type: "ack", data: { seq, dup: true } })

test("[P3.3, P6.10] an edit that is sent again does not undo the later one, whatever became of its message", async () => {
  const { bot, two, server, client, ids, connect } = await scene()
  await using _ = server
  const first = edit(ids.three, "A", "e1")
  expect(await client.ask(first)).toMatchObject({ type: "ack", data: { seq: 7, dup: false } })
  // The ack got lost: whoever sends it again did not see it.
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  expect(await client.ask(edit(ids.three, "B", "e2"))).toMatchObject({ data: { seq: 8, dup: false } })
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  const waiting = await seenBy(await connect())
  expect(waiting.of(ids.three)?.message).toBe("B")
  expect(waiting.top).toBe(8)

  two.done()
  const three = await bot.run()
  expect(three.context.message.message).toBe("B")
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  three.done()
  const four = await bot.run()

  const gone = await server.fetch(`/chat/message/delete?chat_id=c&message_id=${ids.three}`, { method: "DELETE" })
  expect(gone.status).toBe(200)
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  expect(await (await connect()).ask(edit(ids.four, "A", "e1"))).toMatchObject(conflict)
  four.done()

  await client.ask({ type: "end", data: {}, id: "end" })
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  expect(await (await connect()).ask(edit(ids.four, "A", "e3"))).toMatchObject({ data: { code: "session_ended" } })
})

test("[P3.3, P6.11] a rating that is sent again does not undo the later one, whatever became of its message", async () => {
  const { server, client, ids, connect } = await scene()
  await using _ = server
  const first = rate(ids.answer, 1, "f1")
  expect(await client.ask(first)).toMatchObject({ type: "ack", data: { seq: 7, dup: false } })
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  expect(await client.ask(rate(ids.answer, 2, "f2"))).toMatchObject({ data: { seq: 8, dup: false } })
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  const { top, of } = await seenBy(await connect())
  expect([of(ids.answer)?.liked, top]).toEqual([2, 8])

  await server.fetch(`/chat/message/delete?chat_id=c&message_id=${ids.answer}`, { method: "DELETE" })
  expect(await (await connect()).ask(first)).toMatchObject(dupOf(7))
  expect(await (await connect()).ask(rate(ids.answer, 0, "f1"))).toMatchObject(conflict)
})

test("[P3.3] the same id for another edit or rating is refused with id_conflict, and nothing of it happens", async () => {
  const { server, client, ids, connect } = await scene()
  await using _ = server
  await client.ask(edit(ids.three, "A", "e1"))
  await client.ask(rate(ids.answer, 1, "f1"))
  for (const other of [
    edit(ids.three, "B", "e1"),
    edit(ids.four, "A", "e1"),
    // What says nothing new is another edit all the same.
    edit(ids.four, "four", "e1"),
    rate(ids.answer, 2, "e1"),
    rate(ids.answer, 2, "f1"),
    edit(ids.three, "B", "f1"),
  ])
    expect(await (await connect()).ask(other)).toMatchObject(conflict)
  const { top, of } = await seenBy(await connect())
  expect([of(ids.three)?.message, of(ids.four)?.message, of(ids.answer)?.liked, top]).toEqual(["A", "four", 1, 8])
})

test("[P3.3] an id of a message, or of another chat, is another name; without an id nothing is compared", async () => {
  const { server, client, ids, connect } = await scene()
  await using _ = server
  expect(await (await connect()).ask(edit(ids.three, "A", "two"))).toMatchObject({ data: { seq: 7, dup: false } })
  expect(await (await connect()).say("two", "two")).toMatchObject({ data: { dup: true } })
  for (const text of ["B", "A", "B"]) await client.send(edit(ids.three, text))
  await client.settled()
  const { top, of } = await seenBy(await connect())
  expect([of(ids.three)?.message, top]).toEqual(["B", 10])

  const other = await server.connect({ chat: "other" })
  await other.say("x", "x")
  await other.say("y", "y")
  const y = (await other.next("message", ({ data }) => data.client_id === "y")).data.id
  expect(await other.ask(edit(y, "z", "two"))).toMatchObject({ type: "ack", data: { dup: false } })
})

test("[P3.3] two devices that send the same edit at once: it happens once", async () => {
  const { server, ids, connect } = await scene()
  await using _ = server
  const devices = await Promise.all([connect(), connect(), connect()])
  const acks = await Promise.all(devices.map((device) => device.ask(edit(ids.three, "A", "e1"))))
  expect(acks.map(({ data }) => ("seq" in data ? data.seq : data))).toEqual([7, 7, 7])
  expect(acks.filter(({ data }) => "dup" in data && !data.dup)).toHaveLength(1)
  expect((await seenBy(await connect())).top).toBe(7)
})

test("[P3.3] after a restart the same id is still the same edit, and the same rating", async () => {
  const { bot, two, server, client, ids } = await scene()
  await using _ = server
  for (const frame of [edit(ids.three, "A", "e1"), edit(ids.three, "B", "e2"), rate(ids.answer, 1, "f1")])
    await client.ask(frame)
  await client.ask(rate(ids.answer, 2, "f2"))
  two.done()
  const three = await bot.run()
  await server.stop()
  await using again = await startTestServer({ handlers: { bot: bot.handler }, folder: server.folder })
  const connect = () => again.connect({ chat: "c" })
  expect(await (await connect()).ask(edit(ids.three, "A", "e1"))).toMatchObject(dupOf(7))
  expect(await (await connect()).ask(rate(ids.answer, 1, "f1"))).toMatchObject(dupOf(9))
  expect(await (await connect()).ask(rate(ids.answer, 2, "f1"))).toMatchObject(conflict)
  const { of } = await seenBy(await connect())
  expect([of(ids.three)?.message, of(ids.answer)?.liked]).toEqual(["B", 2])
  three.done()
})
