// A session that is ended is ended for good, and can still be read.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene() {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  return { bot, chat, client: await chat.connect({ chat: "c1" }) }
}

test("[P6.6] end interrupts the running turn and those in line; a durable status says so, to every device", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  for (const text of ["one", "two", "three"]) await client.say(text)
  const run = await bot.run()
  await run.say("half")
  const other = await chat.connect({ chat: "c1" })
  await other.join({ cursor: 0 })
  expect(await client.ask({ type: "end", trace_id: "t-end" })).toMatchObject({ type: "ack", data: { seq: 4 } })
  for (const device of [client, other]) {
    for (let count = 0; count < 3; count++) {
      expect((await device.next("end")).data).toMatchObject({ state: "interrupted", reason: "stopped" })
    }
    const status = device.frames.find((frame) => frame.type === "status" && frame.seq === 4)
    expect(status).toMatchObject({ trace_id: "t-end", data: { state: "ended", lifecycle: "ended" } })
    expect(status).toMatchObject({ data: { changed: ["state", "lifecycle"] } })
    expect(device.events.map(({ type }) => type)).toEqual([
      ...["message" as const, "message" as const, "message" as const, "status" as const],
      ...["result" as const, "end" as const, "end" as const, "end" as const],
    ])
  }
  expect(run.context.signal.aborted).toBe(true)
  expect(bot.runs).toBe(1)
})

test("[P6.6] later messages of every kind are refused with session_ended, one that was taken before is known", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("before", "m1")
  ;(await bot.run()).done()
  await client.next("end")
  await client.ask({ type: "end" })
  const kinds = [
    ...[
      { kind: "text" as const, text: "a" },
      { kind: "command" as const, command: "/help" },
    ],
    { kind: "input" as const, answer: 1 },
    { kind: "file" as const, files: [{ name: "a", url: "https://files.example.org/a", mime_type: "text/plain" }] },
  ]
  for (const data of kinds) {
    const answer = await client.ask({ type: "message", data })
    expect([data.kind, answer]).toMatchObject([data.kind, { data: { code: "session_ended", retry: false } }])
  }
  const back = await chat.connect({ chat: "c1" })
  expect(await back.say("before", "m1")).toMatchObject({ data: { seq: 1, dup: true } })
  expect(bot.runs).toBe(1)
})

test("[P6.6] the log can still be read, live and after a restart, and the state stays ended", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("before")
  ;(await bot.run()).done()
  await client.next("end")
  await client.ask({ type: "end" })
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  const back = await again.connect({ chat: "c1" })
  const [start] = await back.join({ cursor: 0 })
  expect(start?.data).toMatchObject({ recovered: true, session: { state: "ended", lifecycle: "ended" } })
  expect(back.events.map(({ seq }) => seq)).toEqual([1, 2, 3])
})

test("[P6.6] an end of what has ended, or from several devices at once, is one end", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  const acks = await Promise.all([client, other, client].map((device) => device.ask({ type: "end" })))
  expect(acks.map(({ data }) => ("seq" in data ? data.seq : data)).sort()).toEqual([1, null, null])
  await client.settled()
  expect(client.events.length).toBe(1)
})

test("[P6.6] a message and an end at the same time: it is answered or refused, and no turn stays open", async () => {
  for (let count = 0; count < 10; count++) {
    const { chat, client } = await scene()
    await using _ = chat
    const other = await chat.connect({ chat: "c1" })
    await Promise.all([client.join(), other.join()])
    const [said] = await Promise.all([client.say("hello"), other.ask({ type: "end" })])
    if (said.type === "ack") await client.next("end")
    else expect(said.data.code).toBe("session_ended")
    await client.send({ type: "status", trace_id: "t1" })
    const status = await client.next("status", ({ trace_id }) => trace_id === "t1")
    expect(status.data).toMatchObject({ state: "ended", turns: [] })
  }
})
