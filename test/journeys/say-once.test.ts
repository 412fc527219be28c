// Acked is kept, and once is once: what the answer to a message means, and that it may be sent again without harm.
import { expect, test } from "bun:test"
import type { ClientFrameInput } from "../../src/protocol/client-frame.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

const bots = () => ({ handlers: { scripted: scriptedHandler().handler } })
const file = { name: "a.pdf", url: "https://files.example.org/a.pdf", mime_type: "application/pdf", size: 3 }

test("[P3.2] ack leaves after the commit: what is acked is there after the service is stopped and started again", async () => {
  await using first = await startTestServer(bots())
  const client = await first.connect({ chat: "c1" })
  const ids = Array.from({ length: 20 }, (_, place) => `m${place}`)
  const acks = await Promise.all(ids.map((id) => client.say(id, id)))
  expect(acks.map(({ data }) => ("seq" in data ? data.seq : data))).toEqual(ids.map((_, place) => place + 1))
  await first.stop()

  await using second = await startTestServer({ ...bots(), folder: first.folder })
  const again = await second.connect({ chat: "c1" })
  await again.join({ cursor: 0 })
  const said = again.events.flatMap((frame) => (frame.type === "message" ? [[frame.seq, frame.data.client_id]] : []))
  expect(said).toEqual(ids.map((id, place) => [place + 1, id]))
})

test("[P3.2] without id a frame is not acked; a message is stored all the same and shows up as an event", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  await client.send({ type: "message", data: { text: "no id" } })
  expect((await client.next("message")).data).toMatchObject({ message: "no id", client_id: null, seq: 1 })
  await client.send({ type: "message", data: { text: "no id" } })
  expect((await client.next("message")).seq).toBe(2)
  await client.settled()
  expect(client.frames.some(({ type }) => type === "ack")).toBe(false)
})

const kinds: Record<string, Extract<ClientFrameInput, { type: "message" }>["data"]> = {
  text: { kind: "text", text: "hello", extra: '{"a":1}' },
  file: { kind: "file", files: [file], text: "look" },
  command: { kind: "command", command: "/help" },
}

for (const [kind, data] of Object.entries(kinds)) {
  test(`[P3.3] the same ${kind} message with the same id is the same message: same seq, dup, nothing happens twice`, async () => {
    await using chat = await startTestServer(bots())
    const client = await chat.connect({ chat: "c1" })
    const frame = { type: "message" as const, data, id: "m1" }
    await client.send(frame)
    await client.send(frame)
    await client.next("ack")
    expect((await client.next("ack")).data).toEqual({ id: "m1", seq: 1, dup: true })

    client.cut()
    const again = await chat.connect({ chat: "c1" })
    expect(await again.ask(frame)).toMatchObject({ type: "ack", data: { seq: 1, dup: true } })
    await again.join({ cursor: 0 })
    expect(again.events.filter(({ type }) => type === "message").length).toBe(1)
  })
}

test("[P3.3] the same answer to a question with the same id is the same message, also when the question is closed", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  await client.say("begin")
  void (await bot.run()).yield({ type: "question", prompt: "Yes?" })
  await client.next("end")
  const data = { kind: "input" as const, answer: { b: [1, null], a: "yes" } }
  expect(await client.ask({ type: "message", data, id: "a1" })).toMatchObject({ data: { seq: 4, dup: false } })
  await client.send({ type: "message", data: { ...data, answer: { b: [1, null], a: "yes" } }, id: "a1" })
  await client.next("ack")
  expect((await client.next("ack")).data).toMatchObject({ seq: 4, dup: true })
  await client.send({ type: "message", data: { ...data, answer: "no" }, id: "a1" })
  expect(await client.next("error")).toMatchObject({ id: "a1", data: { code: "id_conflict" } })
})

const others: Record<string, Extract<ClientFrameInput, { type: "message" }>["data"]> = {
  "another text": { kind: "text", text: "other", extra: "x" },
  "another extra": { kind: "text", text: "hello", extra: "y" },
  "no extra": { kind: "text", text: "hello" },
  "another kind": { kind: "command", command: "hello", extra: "x" },
}

for (const [what, data] of Object.entries(others)) {
  test(`[P3.3] the same id with ${what} is refused with id_conflict`, async () => {
    await using chat = await startTestServer(bots())
    const client = await chat.connect({ chat: "c1" })
    await client.ask({ type: "message", data: { kind: "text", text: "hello", extra: "x" }, id: "m1" })
    await client.send({ type: "message", data, id: "m1" })
    expect(await client.next("error")).toMatchObject({ id: "m1", data: { code: "id_conflict", retry: false } })
    await client.settled()
    expect(client.events.map(({ seq }) => seq)).toEqual([1])
  })
}

test("[P3.3] files count as content, whatever the order of their fields", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  const say = (files: (typeof file)[], trace_id: string) =>
    client.send({ type: "message", data: { kind: "file", files }, id: "m1", trace_id })
  await say([file], "t1")
  await say([{ size: 3, mime_type: file.mime_type, url: file.url, name: file.name }], "t2")
  await say([{ ...file, size: 4 }], "t3")
  await client.next("error", ({ data }) => data.code === "id_conflict")
  expect(client.frames.flatMap((frame) => (frame.type === "ack" ? [frame.data.dup] : []))).toEqual([false, true])
})

test("[P3.3] the policy is no content: what was taken is taken", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  await client.ask({ type: "message", data: { text: "hello", policy: "reject" }, id: "m1" })
  await client.send({ type: "message", data: { text: "hello", policy: "reject" }, id: "m1" })
  await client.next("ack")
  expect((await client.next("ack")).data.dup).toBe(true)
})

test("[P3.3] an id counts within its chat: in another chat it is another message", async () => {
  await using chat = await startTestServer(bots())
  for (const name of ["c1", "c2"]) {
    const client = await chat.connect({ chat: name })
    expect(await client.say(name, "m1")).toMatchObject({ type: "ack", data: { seq: 1, dup: false } })
  }
})

test("[P3.3] two devices that send the same message at the same time make one of it", async () => {
  await using chat = await startTestServer(bots())
  const clients = await Promise.all(Array.from({ length: 5 }, () => chat.connect({ chat: "c1" })))
  const answers = await Promise.all(clients.map((client) => client.say("hello", "m1")))
  expect(answers.map(({ data }) => ("dup" in data ? [data.seq, data.dup] : data)).sort()).toEqual([
    [1, false],
    ...Array.from({ length: 4 }, () => [1, true]),
  ])
})

test("[P3.4] a refusal has a code, a sentence in the caller's language, and whether to try again", async () => {
  await using chat = await startTestServer(bots())
  const told = async (query: Record<string, string>, header?: string) => {
    const headers = header === undefined ? {} : { "accept-language": header }
    const client = await chat.connect({ chat: "c1", query, handshake: { headers } })
    const answer = await client.ask({ type: "message", data: { kind: "input", answer: 1 } })
    return answer.type === "error" ? answer.data : undefined
  }
  const english = await told({})
  expect(english).toMatchObject({ code: "no_question", retry: false })
  expect(english?.message).toMatch(/^[\x20-\x7e]+$/)
  const chinese = await told({ lang: "zh" }, "en")
  expect(chinese?.message).toMatch(/\p{Script=Han}/u)
  expect((await told({}, "zh-CN,zh;q=0.9,en;q=0.1"))?.message).toBe(chinese?.message ?? "")
  expect((await told({ lang: "fr" }))?.message).toBe(english?.message ?? "")
})

test("[P3.5] seq is null in the ack of a frame that leaves nothing in the log", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ chat: "c1" })
  const token = await chat.token()
  const frames: ClientFrameInput[] = [
    ...[{ type: "start" as const }, { type: "status" as const }, { type: "ping" as const }, { type: "pong" as const }],
    ...[
      { type: "ack" as const, data: { seq: 1 } },
      { type: "auth" as const, data: { token } },
    ],
    { type: "interrupt" },
  ]
  for (const frame of frames) {
    expect([frame.type, await client.ask(frame)]).toMatchObject([frame.type, { type: "ack", data: { seq: null } }])
  }
  expect(client.events).toEqual([])
})

test("[P3.7] a message that comes after one which was refused, or lost, is refused too, and taken when that one is there", async () => {
  await using chat = await startTestServer()
  const connect = () => chat.connect({ chat: "c1" })
  const say = async (id: string, ...after: string[]) =>
    (await connect()).ask({ type: "message", data: { text: id, ...(after.length > 0 ? { after } : {}) }, id })
  expect(await say("m2", "m1")).toMatchObject({ type: "error", data: { code: "out_of_order", retry: true } })
  expect(await say("m1")).toMatchObject({ type: "ack", data: { seq: 1 } })
  expect(await say("m2", "m1")).toMatchObject({ type: "ack", data: { dup: false } })
  expect(await say("m4", "m1", "m3", "m2")).toMatchObject({ type: "error", data: { code: "out_of_order" } })
  // What is there is a dup, whatever it names.
  expect(await say("m2", "m0")).toMatchObject({ type: "ack", data: { dup: true } })
  // Another person's message of that name is not this one's.
  const stranger = await chat.connect({ chat: "c1", user: 2 })
  expect(await stranger.ask({ type: "message", data: { text: "hi", after: ["m1"] }, id: "s" })).toMatchObject({
    data: { code: "out_of_order" },
  })
})
