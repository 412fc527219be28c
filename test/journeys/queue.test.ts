// Messages during a turn: they wait in line, in order, or are refused when the sender wants that.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServerOptions } from "../support/server.ts"
import { until } from "../support/until.ts"

async function scene(options: TestServerOptions = {}) {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler }, ...options })
  return { bot, chat, client: await chat.connect({ chat: "c1" }) }
}

test("[P6.3] one turn of a chat runs at a time; messages during it wait in line and are answered in order", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const texts = ["one", "two", "three", "four"]
  for (const text of texts) expect(await client.say(text)).toMatchObject({ type: "ack" })
  for (const [place, text] of texts.entries()) {
    const run = await bot.run()
    expect(bot.runs).toBe(place + 1)
    expect(run.context.message.message).toBe(text)
    await run.say(`answer to ${text}`)
    run.done()
  }
  for (let count = 0; count < 4; count++) await client.next("end")
  const log = client.events.map((frame) => ("message" in frame.data ? frame.data.message : frame.type))
  expect(log).toEqual([...texts, ...texts.flatMap((text) => [`answer to ${text}`, "end"])])
})

test("[P6.3] messages of several devices wait in one line, in the order of their seq", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const devices = [client, await chat.connect({ chat: "c1" }), await chat.connect({ chat: "c1" })]
  await Promise.all(devices.flatMap((device) => [1, 2, 3, 4].map((count) => device.say(`${count}`))))
  // What the others said may come after their acks: each has a socket of its own.
  await until(() => client.events.length === 12, "twelve messages")
  const asked = client.events.map(({ data }) => ("id" in data ? data.id : ""))
  for (const id of asked) {
    const run = await bot.run()
    expect(run.context.message.id).toBe(id)
    run.done()
  }
})

test("[P6.3] chats do not wait for each other", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  await client.say("never answered")
  await bot.run()
  const other = await chat.connect({ chat: "c2" })
  await other.say("quick")
  const run = await bot.run()
  run.done()
  await other.next("end")
})

test("[P6.3] at most max_queued_turns wait, then queue_full; when there is room again the same frame is taken", async () => {
  const { bot, chat, client } = await scene({ env: { CHAT_MAX_QUEUED_TURNS: "2" } })
  await using _ = chat
  for (const id of ["m1", "m2", "m3"]) expect(await client.say(id, id)).toMatchObject({ type: "ack" })
  await client.send({ type: "message", data: { kind: "text", text: "m4" }, id: "m4" })
  expect(await client.next("error")).toMatchObject({ id: "m4", data: { code: "queue_full", retry: true } })
  // What is there already is no newcomer.
  expect(await (await chat.connect({ chat: "c1" })).say("m3", "m3")).toMatchObject({ data: { dup: true, seq: 3 } })
  ;(await bot.run()).done()
  await client.next("end")
  await client.send({ type: "message", data: { kind: "text", text: "m4" }, id: "m4" })
  expect((await client.next("ack", ({ id }) => id === "m4")).data).toMatchObject({ seq: 5, dup: false })
})

test('[P6.3] policy "reject" is refused with busy while a turn is open, and taken when none is', async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const say = (id: string) => client.ask({ type: "message", data: { text: id, policy: "reject" }, id })
  expect(await say("m1")).toMatchObject({ type: "ack" })
  const run = await bot.run()
  expect(await say("m2")).toMatchObject({ type: "error", id: "m2", data: { code: "busy", retry: true } })
  run.done()
  await client.next("end")
  expect(await say("m3")).toMatchObject({ type: "ack", data: { seq: 3 } })
  await client.settled()
  expect(client.frames.some((frame) => frame.type === "message" && frame.data.client_id === "m2")).toBe(false)
})

test("[P6.3] a failed or stopped turn does not stop the line", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  for (const text of ["one", "two", "three"]) await client.say(text)
  ;(await bot.run()).fail(new Error("no"))
  await client.next("end", ({ data }) => data.state === "failed")
  await bot.run()
  await client.ask({ type: "interrupt" })
  await client.next("end", ({ data }) => data.state === "interrupted")
  const third = await bot.run()
  expect(third.context.message.message).toBe("three")
  third.done()
  await client.next("end", ({ data }) => data.state === "completed")
})

test("[P6.3] status tells the line: the first is running, the others are queued", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  for (const text of ["one", "two", "three"]) await client.say(text)
  await client.send({ type: "status", trace_id: "t1" })
  const states = async (trace: string) =>
    (await client.next("status", ({ trace_id }) => trace_id === trace)).data.turns.map(({ state }) => state)
  expect(await states("t1")).toEqual(["running", "queued", "queued"])
  ;(await bot.run()).done()
  await client.next("end")
  await client.send({ type: "status", trace_id: "t2" })
  expect(await states("t2")).toEqual(["running", "queued"])
})
