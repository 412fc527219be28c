// The way out: what runs gets its time, what waits is left for the next start, everybody is sent away with 4001.
import { expect, test } from "bun:test"
import { FakeClock, turnOfTheLoop } from "../support/clock.ts"
import { RawSocket } from "../support/raw-socket.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { until } from "../support/until.ts"

async function scene(drain_timeout = "20") {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  const handlers = { scripted: bot.handler }
  const chat = await startTestServer({ clock, handlers, env: { CHAT_DRAIN_TIMEOUT: drain_timeout } })
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  return { clock, bot, handlers, chat, client }
}

test("[P8.1] [P8.2] a client that only looks on is told draining, with a time to come back after, and closed with 4001", async () => {
  const { chat, client } = await scene()
  await using _ = chat
  await Promise.all([chat.server.stop(), chat.server.stop()])
  expect(await client.closed).toMatchObject({ code: 4001, reason: "draining" })
  const last = client.frames.at(-1)
  expect(last).toMatchObject({ type: "error", data: { code: "draining", retry: true } })
  const wait = last?.type === "error" ? (last.data.retry_after_ms ?? -1) : -1
  expect(wait).toBeGreaterThanOrEqual(0)
  expect(wait).toBeLessThanOrEqual(10_000)
})

test("[P8.1] a running turn gets its time: it goes on to its end, and only then are the clients sent away", async () => {
  const { clock, bot, chat, client } = await scene()
  await using _ = chat
  await client.say("a question")
  const run = await bot.run()
  await run.say("The answer ")
  const stopped = chat.server.stop()
  await clock.advance(19_000)
  await run.say("in full.")
  await clock.advance(20)
  run.done()
  expect((await client.next("end")).data).toMatchObject({ state: "completed" })
  expect(await client.closed).toMatchObject({ code: 4001 })
  await stopped
  expect(client.streamed()).toBe("The answer in full.")
})

test("[P8.3] those whose chats are at rest are sent away at once, in slices; who is being answered stays until the end", async () => {
  const { clock, bot, chat, client } = await scene()
  await using _ = chat
  await client.say("a question")
  const run = await bot.run()
  const others = await Promise.all(Array.from({ length: 150 }, () => chat.connect({ chat: "c2" })))
  await Promise.all(others.map((other) => other.join()))
  const stopped = chat.server.stop()
  const left = () => others.filter(({ isClosed }) => isClosed).length
  await until(() => left() === 100, "the first slice")
  await turnOfTheLoop()
  expect(left()).toBe(100)
  await clock.advance(50)
  await until(() => left() === 150, "the second slice")
  expect(client.isClosed).toBe(false)
  run.done()
  expect((await client.next("end")).data).toMatchObject({ state: "completed" })
  expect(await client.closed).toMatchObject({ code: 4001 })
  await clock.advance(50)
  await stopped
})

test("[P4.4] a turn that takes longer is interrupted as drained, with its text kept", async () => {
  const { clock, bot, chat, client } = await scene()
  await using _ = chat
  await client.say("a question")
  const run = await bot.run()
  await run.say("Half of it")
  const stopped = chat.server.stop()
  await clock.advance(20_000)
  expect((await client.next("result")).data).toMatchObject({ message: "Half of it", state: "interrupted" })
  expect((await client.next("end")).data).toMatchObject({ state: "interrupted", reason: "drained" })
  expect(run.context.signal.aborted).toBe(true)
  expect(await client.closed).toMatchObject({ code: 4001 })
  await stopped
})

test("[P8.1] who says or joins something during the drain is refused with draining and 4001; what was said before is answered", async () => {
  const { clock, bot, chat, client } = await scene()
  await using _ = chat
  const looker = await chat.connect({ chat: "c1" })
  await looker.join()
  await client.say("a question")
  const run = await bot.run()
  const stopped = chat.server.stop()
  await client.send({ type: "message", data: { text: "one more" }, id: "m2" })
  expect(await client.closed).toMatchObject({ code: 4001 })
  expect(client.frames.at(-1)).toMatchObject({ type: "error", id: "m2", data: { code: "draining", retry: true } })
  const late = await chat.connect({ chat: "c2" })
  expect(await late.closed).toMatchObject({ code: 4001 })
  run.done()
  expect((await looker.next("end")).data.state).toBe("completed")
  await clock.advance(1)
  await stopped
})

test("[P6.3] what is in line when the service stops is run by the next start, in order, and what was acked is there", async () => {
  const { bot, handlers, chat, client } = await scene("0")
  await using _ = chat
  for (const id of ["m1", "m2", "m3"]) expect(await client.say(id, id)).toMatchObject({ type: "ack" })
  await (await bot.run()).say("half")
  await chat.server.stop()
  expect(bot.runs).toBe(1)

  await using again = await startTestServer({ handlers, folder: chat.folder })
  const back = await again.connect({ chat: "c1" })
  await back.join({ cursor: 0 })
  for (const text of ["m2", "m3"]) {
    const run = await bot.run()
    expect(run.context.message.message).toBe(text)
    await run.say(`answer to ${text}`)
    run.done()
    await back.next("end", ({ data }) => data.state === "completed")
  }
  const log = back.events.map((frame) => ("message" in frame.data ? frame.data.message : frame.type))
  expect(log).toEqual(["m1", "m2", "m3", "half", "end", "answer to m2", "end", "answer to m3", "end"])
})

test("[P3.2] a message in the moment of the stop is acked and there afterwards, or refused; never acked and lost", async () => {
  for (let turns = 0; turns < 6; turns++) {
    const { bot, handlers, chat, client } = await scene("0")
    await using _ = chat
    const ids = ["m1", "m2", "m3", "m4"]
    for (const id of ids) await client.send({ type: "message", data: { text: id }, id })
    for (let turn = 0; turn < turns; turn++) await turnOfTheLoop()
    await chat.server.stop()
    await client.closed
    const acked = client.frames.flatMap((frame) => (frame.type === "ack" ? [frame.id] : []))
    await using again = await startTestServer({ handlers, folder: chat.folder })
    const back = await again.connect({ chat: "c1" })
    await back.join({ cursor: 0 })
    const kept = back.events.flatMap((frame) => (frame.type === "message" ? [frame.data.client_id] : []))
    expect(kept).toEqual(ids.slice(0, kept.length))
    expect(kept.slice(0, acked.length)).toEqual(acked)
    expect(bot.runs).toBeLessThanOrEqual(kept.length + 1)
  }
})

test("[P8.1] a client that does not read does not hold up the stop for more than two seconds", async () => {
  const { clock, chat, client } = await scene()
  await using _ = chat
  using stuck = await RawSocket.open(`${chat.url}/chat/default?chat_id=c1`, { token: await chat.token() })
  stuck.pause()
  await client.settled()
  let over = false
  const stopped = chat.server.stop().then(() => {
    over = true
  })
  await client.closed
  if (!over) await clock.advance(2000)
  await until(() => over, "the stop")
  await stopped
})
