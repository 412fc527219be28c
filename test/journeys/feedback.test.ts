// What people think of answers: liked, commented, copied; kept, counted, and told to every device.
import { expect, test } from "bun:test"
import fc from "fast-check"
import type { ClientFrameInput } from "../../src/protocol/client-frame.ts"
import { Message } from "../../src/protocol/message.ts"
import { Session } from "../../src/protocol/session.ts"
import type { TestClient } from "../support/client.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

type Opinion = { liked?: number; comment?: string; copied?: true }

const feedback = (message_id: string, opinion: Opinion, id?: string): ClientFrameInput => ({
  type: "message",
  data: { kind: "feedback", message_id, ...opinion },
  ...(id === undefined ? {} : { id }),
})

/** A chat in which so many questions were answered. */
async function scene(answers = 1, env: Record<string, string> = {}) {
  const bot = scriptedHandler()
  const server = await startTestServer({ handlers: { bot: bot.handler }, env })
  const client = await server.connect({ chat: "c" })
  const ids: string[] = []
  for (let number = 1; number <= answers; number++) {
    await client.say(`question ${number}`)
    const run = await bot.run()
    await run.say(`answer ${number}`)
    run.done()
    ids.push((await client.next("result")).data.id)
    await client.next("end")
  }
  return { server, client, ids, answer: ids[0] ?? "" }
}

async function sessionOf(server: TestServer): Promise<Session> {
  const { data } = (await (await server.fetch("/chat/session/c")).json()) as { data: object }
  return Session.parse(data)
}

async function answersOf(server: TestServer): Promise<Message[]> {
  const { data } = (await (await server.fetch("/chat/message/history?chat_id=c&is_bot=true&limit=100")).json()) as {
    data: { items: unknown[] }
  }
  return data.items.map((item) => Message.parse(item))
}

const counted = ({ likes, dislikes, copies }: Session) => ({ likes, dislikes, copies })
const postOf = (body: object) => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "Content-Type": "application/json" },
})

test("[P6.11] liked, comment and copied are kept with the answer, counted on the session, and told to all at once", async () => {
  const { server, client, answer } = await scene()
  await using _ = server
  const other = await server.connect({ chat: "c" })
  await other.join()
  const said = { liked: 1, comment: "just what I wanted 谢谢", copied: true } as const
  expect(await client.ask(feedback(answer, said, "f1"))).toMatchObject({ type: "ack", data: { seq: 4, dup: false } })
  const told = await other.next("status", ({ seq }) => seq === 4)
  expect(told.data).toMatchObject({
    changed: ["messages"],
    feedback: { message_id: answer, ...said },
    counters: { likes: 1, dislikes: 0, copies: 1 },
    client_id: "f1",
  })
  expect((await answersOf(server))[0]).toMatchObject(said)
  expect(counted(await sessionOf(server))).toEqual({ likes: 1, dislikes: 0, copies: 1 })
})

test("[P6.11] what is left out stays as it is; an empty comment takes it away; what changes nothing leaves nothing behind", async () => {
  const { server, client, answer } = await scene()
  await using _ = server
  await client.ask(feedback(answer, { liked: 2, comment: "wrong", copied: true }))
  await client.ask(feedback(answer, { liked: 1 }))
  expect((await answersOf(server))[0]).toMatchObject({ liked: 1, comment: "wrong", copied: true })
  const status = await client.next("status", ({ seq }) => seq === 5)
  expect(status.data).toMatchObject({ feedback: { message_id: answer, liked: 1 }, counters: { likes: 1, dislikes: 0 } })
  expect(status.data.feedback).not.toHaveProperty("comment")
  await client.ask(feedback(answer, { comment: "" }))
  expect((await answersOf(server))[0]).toMatchObject({ liked: 1, comment: null, copied: true })
  expect(await client.ask(feedback(answer, { liked: 1, comment: "", copied: true }))).toMatchObject({
    data: { seq: null, dup: true },
  })
})

test("[P6.11] whoever joins gets the counters with the session, and what was said of an answer with the answer", async () => {
  const { server, client, answer } = await scene()
  await using _ = server
  await client.ask(feedback(answer, { liked: 2, comment: "no" }))
  const late = await server.connect({ chat: "c" })
  const [start] = await late.join()
  if (start?.type !== "start" || "replayed" in start.data) throw new Error("no start")
  expect(counted(start.data.session)).toEqual({ likes: 0, dislikes: 1, copies: 0 })
  expect(start.data.snapshot?.find(({ id }) => id === answer)).toMatchObject({ liked: 2, comment: "no" })
  // Replayed, the event is the same as it was live (P4.1).
  const again = await server.connect({ chat: "c" })
  await again.join({ cursor: 0 })
  expect(again.events.find(({ seq }) => seq === 4)).toEqual(client.events.find(({ seq }) => seq === 4))
})

test("[P6.11] only an answer that is there can be judged: questions, foreign answers and deleted ones are not_found", async () => {
  const { server, client, answer } = await scene()
  await using _ = server
  const question = client.events[0]?.type === "message" ? client.events[0].data.id : ""
  const stranger = await server.connect({ user: 2, chat: "theirs" })
  for (const [who, id] of [
    [client, question],
    [client, `msg_${"0".repeat(32)}`],
    [stranger, answer],
  ] as const)
    expect(await who.ask(feedback(id, { liked: 1 }))).toMatchObject({ type: "error", data: { code: "not_found" } })
  await server.fetch(`/chat/message/delete?chat_id=c&message_id=${answer}`, { method: "DELETE" })
  expect(await client.ask(feedback(answer, { liked: 1 }))).toMatchObject({ data: { code: "not_found" } })
})

test("[P3.3, P6.11] feedback with the same id is the same feedback in all it says, else id_conflict", async () => {
  const { server, client, answer } = await scene()
  await using _ = server
  const first = { liked: 1, comment: "good" }
  await client.ask(feedback(answer, first, "f1"))
  await client.ask(feedback(answer, { liked: 2, comment: "bad" }, "f2"))
  const again = () => server.connect({ chat: "c" })
  expect(await (await again()).ask(feedback(answer, first, "f1"))).toMatchObject({ data: { seq: 4, dup: true } })
  for (const other of [
    { liked: 1 },
    { liked: 1, comment: "bad" },
    { ...first, copied: true as const },
    { comment: "good" },
  ])
    expect(await (await again()).ask(feedback(answer, other, "f1"))).toMatchObject({ data: { code: "id_conflict" } })
  expect((await answersOf(server))[0]).toMatchObject({ liked: 2, comment: "bad", copied: false })
})

test("[P4.3, P6.11] a deleted answer takes its comment with it, also out of the log, and is counted no more; the id stays", async () => {
  const { server, client, ids } = await scene(2)
  await using _ = server
  const [one = "", two = ""] = ids
  await client.ask(feedback(one, { liked: 1, comment: "my secret", copied: true }, "f1"))
  await client.ask(feedback(two, { liked: 1 }))
  await server.fetch(`/chat/message/delete?chat_id=c&message_id=${one}`, { method: "DELETE" })
  const gone = await client.next("status", ({ data }) => data.deleted_messages !== undefined)
  expect(gone.data.counters).toEqual({ likes: 1, dislikes: 0, copies: 0 })
  expect(counted(await sessionOf(server))).toEqual({ likes: 1, dislikes: 0, copies: 0 })
  const late = await server.connect({ chat: "c" })
  await late.join({ cursor: 0 })
  expect(JSON.stringify(late.frames)).not.toContain("my secret")
  const resent = feedback(one, { liked: 1, comment: "my secret", copied: true }, "f1")
  expect(await late.ask(resent)).toMatchObject({ data: { seq: 7, dup: true } })
  const later = await server.connect({ chat: "c" })
  expect(await later.ask(feedback(one, { liked: 2, comment: "my secret", copied: true }, "f1"))).toMatchObject({
    data: { code: "id_conflict" },
  })
})

test("[P6.11] over REST: the same verb, the same event, once for each client_id", async () => {
  const { server, client, answer } = await scene()
  await using _ = server
  const body = { chat_id: "c", message_id: answer, liked: 1, comment: "by hand", client_id: "r1" }
  const post = async (over: object = {}, user = 1) => {
    const response = await server.fetch("/chat/message/feedback", { ...postOf({ ...body, ...over }), user })
    return { status: response.status, ...((await response.json()) as { data: object }) }
  }
  expect(await post()).toMatchObject({ status: 200, data: { seq: 4, dup: false } })
  expect((await client.next("status", ({ seq }) => seq === 4)).data.feedback).toMatchObject({ comment: "by hand" })
  expect(await post()).toMatchObject({ status: 200, data: { seq: 4, dup: true } })
  expect(await post({ liked: 2 })).toMatchObject({ status: 409, data: { code: "id_conflict" } })
  expect(await post({}, 2)).toMatchObject({ status: 404, data: { code: "not_found" } })
  const nothing = await server.fetch("/chat/message/feedback", postOf({ chat_id: "c", message_id: answer }))
  expect(nothing.status).toBe(400)
  expect(await post({ comment: "x".repeat(2001) })).toMatchObject({ status: 400, data: { code: "bad_request" } })
})

const opinion = fc.record(
  {
    answer: fc.nat({ max: 3 }),
    device: fc.nat({ max: 3 }),
    liked: fc.integer({ min: 0, max: 2 }),
    comment: fc.constantFrom("", "a", "b"),
    copied: fc.constant(true as const),
    deletes: fc.integer({ min: 0, max: 14 }).map((number) => number === 0),
  },
  { requiredKeys: ["answer", "device", "deletes"] },
)

/** What the messages add up to. */
function sumOf(answers: readonly Message[]) {
  return {
    likes: answers.filter(({ liked }) => liked === 1).length,
    dislikes: answers.filter(({ liked }) => liked === 2).length,
    copies: answers.filter(({ copied }) => copied).length,
  }
}

/** The counters in the last event that tells them. */
function toldOf(client: TestClient) {
  return client.events.flatMap((event) => (event.type === "status" ? (event.data.counters ?? []) : [])).at(-1)
}

test("[P6.11] whatever devices say at once, and whatever is deleted meanwhile, the counters are what the answers add up to", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(opinion, { minLength: 5, maxLength: 40 }), async (opinions) => {
      const { server, ids } = await scene(4)
      await using _ = server
      const devices = await Promise.all(Array.from({ length: 4 }, () => server.connect({ chat: "c" })))
      for (const device of devices) await device.join()
      await Promise.all(
        opinions.map(async ({ answer, device, deletes, ...said }) => {
          const id = ids[answer] ?? ""
          if (deletes) await server.fetch(`/chat/message/delete?chat_id=c&message_id=${id}`, { method: "DELETE" })
          else if (Object.keys(said).length > 0) await devices[device]?.ask(feedback(id, said))
        }),
      )
      const sum = sumOf(await answersOf(server))
      const { last_seq, ...session } = await sessionOf(server)
      expect({ likes: session.likes, dislikes: session.dislikes, copies: session.copies }).toEqual(sum)
      for (const device of devices) {
        await device.seen(last_seq)
        expect(toldOf(device) ?? { likes: 0, dislikes: 0, copies: 0 }).toEqual(sum)
      }
      const late = await server.connect({ chat: "c" })
      const [start] = await late.join()
      expect(start).toMatchObject({ data: { session: sum } })
    }),
    { numRuns: 8, seed: 611 },
  )
}, 60_000)

test.skipIf(noSqld !== null)("[P6.11] two instances that count at once lose no count", async () => {
  await using sqld = await startSqld()
  const env = { DATABASE_URL: sqld.url, JWT_SECRET: "a secret for both instances, long enough to be one" }
  const { server, client, ids } = await scene(3, env)
  await using _ = server
  await using other = await startTestServer({ handlers: { bot: scriptedHandler().handler }, env })
  const there = await other.connect({ chat: "c" })
  await there.join()
  await Promise.all(
    Array.from({ length: 30 }, (_, number) => {
      const said = number % 5 === 0 ? { copied: true as const } : { liked: number % 3 }
      return (number % 2 === 0 ? client : there).ask(feedback(ids[(number * 7) % 3] ?? "", said))
    }),
  )
  const { last_seq, ...session } = await sessionOf(server)
  expect({ likes: session.likes, dislikes: session.dislikes, copies: session.copies }).toEqual(
    sumOf(await answersOf(server)),
  )
  for (const device of [client, there]) {
    await device.seen(last_seq)
    expect(toldOf(device)).toEqual(sumOf(await answersOf(server)))
  }
})
