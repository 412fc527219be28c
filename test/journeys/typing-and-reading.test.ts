// Small signs between the devices of a chat, over real sockets: who is writing, what has been read, one's place in the line.
import { expect, test } from "bun:test"
import { natsServer, startNats } from "../support/nats.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

const one = [{ user_id: 1, devices: 1 }]

test("[P5.10] writing on one device shows on the others, and ends with the message or the connection", async () => {
  await using server = await startTestServer({ handlers: { scripted: scriptedHandler().handler } })
  const [phone, laptop] = [await server.connect({ chat: "c" }), await server.connect({ chat: "c" })]
  await Promise.all([phone.join(), laptop.join()])
  const typing = (devices: object[]) => laptop.next("status", ({ data }) => Bun.deepEquals(data.typing, devices))
  expect(await phone.ask({ type: "status", data: { typing: true } })).toMatchObject({
    type: "ack",
    data: { seq: null },
  })
  expect(await typing(one)).not.toHaveProperty("seq")
  await phone.say("so")
  await typing([])
  await phone.send({ type: "status", data: { typing: true } })
  await typing(one)
  await phone.send({ type: "status", data: { typing: false } })
  await typing([])
  await phone.send({ type: "status", data: { typing: true } })
  await typing(one)
  phone.cut()
  await typing([])
  expect(phone.frames.filter((frame) => frame.type === "status" && frame.data.typing)).toEqual([])
  expect(laptop.events.map(({ type }) => type)).toEqual(["message"])
})

test("[P7.7, P5.11] what a device says it has shown is read on all of them, and in the list of sessions", async () => {
  await using server = await startTestServer({ handlers: { scripted: scriptedHandler().handler } })
  const [phone, laptop] = [await server.connect({ chat: "c" }), await server.connect({ chat: "c" })]
  await Promise.all([phone.join(), laptop.join()])
  for (const text of ["a", "b", "c"]) await phone.say(text)
  const idle = await server.connect({ chat: "c" })
  // It has not joined, so it has shown nothing.
  await idle.ask({ type: "ack", data: { seq: 3 } })
  expect(await laptop.ask({ type: "ack", data: { seq: 2 } })).toMatchObject({ type: "ack", data: { seq: null } })
  const { data, seq } = await phone.next("status", ({ data }) => data.read !== undefined)
  expect([data.read, data.changed, seq]).toEqual([{ user_id: 1, seq: 2 }, [], undefined])
  expect((await phone.join({ cursor: 3 }))[0]).toMatchObject({ data: { session: { read_seq: 2, last_seq: 3 } } })
  const list = await (await server.fetch("/chat/session/list")).json()
  expect(list).toMatchObject({ data: { items: [{ chat_id: "c", read_seq: 2, last_seq: 3 }] } })
})

test("[P6.3] a device sees its place in the line: the turns come in order, with the messages that asked", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await server.connect({ chat: "c" })
  await client.join()
  for (const text of ["first", "second", "third"]) await client.say(text)
  const places = async () => {
    const asked = crypto.randomUUID()
    await client.send({ type: "status", trace_id: asked })
    const { data } = await client.next("status", ({ trace_id }) => trace_id === asked)
    return data.turns.map(({ state, message_id }) => [
      state,
      client.events.find(({ data }) => "id" in data && data.id === message_id)?.data,
    ])
  }
  const shown = [
    ["running", { message: "first" }],
    ["queued", { message: "second" }],
    ["queued", { message: "third" }],
  ]
  expect(await places()).toMatchObject(shown)
  ;(await bot.run()).done()
  await client.next("end")
  expect(await places()).toMatchObject([["running", { message: "second" }], shown[2] ?? []])
})

test.skipIf(noSqld !== null || !natsServer)(
  "[P5.10, P5.11] devices on two instances see each other write and read",
  async () => {
    await using sqld = await startSqld()
    await using nats = await startNats()
    const env = { DATABASE_URL: sqld.url, NATS_URL: nats.url, JWT_SECRET: "a secret for both instances, long enough" }
    const bots = () => ({ handlers: { scripted: scriptedHandler().handler }, env })
    await using a = await startTestServer(bots())
    await using b = await startTestServer(bots())
    const [phone, laptop] = [await a.connect({ chat: "c" }), await b.connect({ chat: "c" })]
    await phone.join()
    await phone.say("hello")
    await laptop.join()
    await phone.send({ type: "status", data: { typing: true } })
    await laptop.next("status", ({ data }) => Bun.deepEquals(data.typing, one))
    await phone.send({ type: "status", data: { typing: false } })
    await laptop.next("status", ({ data }) => data.typing?.length === 0)
    await laptop.send({ type: "ack", data: { seq: 1 } })
    await phone.next("status", ({ data }) => data.read?.seq === 1)
  },
)
