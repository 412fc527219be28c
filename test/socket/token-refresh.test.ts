// A token ends, the conversation does not have to: a fresh one is asked for and given over the open socket.
import { expect, test } from "bun:test"
import { FakeClock } from "../support/clock.ts"
import { startTestServer } from "../support/server.ts"

const minute = 60_000
const at = (clock: FakeClock, ms: number) => new Date(clock.now() + ms).toISOString()

async function scene() {
  const clock = new FakeClock()
  const chat = await startTestServer({ clock })
  const client = await chat.connect({ chat: "c1", token: await chat.token(1, { ttl_s: 120 }) })
  await client.join()
  return { clock, chat, client }
}

test("[P7.4] a minute before its end the server asks for a fresh token, once", async () => {
  const { clock, chat, client } = await scene()
  await using _ = chat
  const end = at(clock, 2 * minute)
  await clock.advance(minute - 1000)
  await client.settled()
  expect(client.frames.some(({ type }) => type === "auth")).toBe(false)
  await clock.advance(1000)
  expect((await client.next("auth")).data).toEqual({ expires_at: end })
  await clock.advance(30_000)
  await client.settled()
  expect(client.frames.filter(({ type }) => type === "auth").length).toBe(1)
})

test("[P7.4] a client that gives a fresh token gets its end, and stays until then", async () => {
  const { clock, chat, client } = await scene()
  await using _ = chat
  await clock.advance(minute)
  await client.next("auth")
  const token = await chat.token(1, { ttl_s: 600 })
  await client.send({ type: "auth", data: { token }, id: "a1", trace_id: "t1" })
  expect(await client.next("auth")).toMatchObject({ data: { expires_at: at(clock, 10 * minute) }, trace_id: "t1" })
  expect(await client.answer("a1")).toMatchObject({ type: "ack", data: { seq: null } })
  await clock.advance(8 * minute)
  expect(await client.say("still here")).toMatchObject({ type: "ack" })
  await clock.advance(minute)
  expect((await client.next("auth")).data).toEqual({ expires_at: at(clock, minute) })
  await clock.advance(minute)
  expect(await client.closed).toMatchObject({ code: 4005 })
})

test("[P7.4] without a fresh token the socket is closed at expiry with token_expired and 4005", async () => {
  const { clock, chat, client } = await scene()
  await using _ = chat
  await clock.advance(2 * minute - 1000)
  await client.settled()
  await clock.advance(1000)
  expect(await client.closed).toMatchObject({ code: 4005 })
  expect(client.frames.at(-1)).toMatchObject({ type: "error", data: { code: "token_expired" } })
})

const notTaken: Record<string, { code: string; token: (chat: Awaited<ReturnType<typeof scene>>["chat"]) => unknown }> =
  {
    "another user's token": { code: "forbidden", token: (chat) => chat.token(2, { ttl_s: 600 }) },
    "an administrator's token": { code: "forbidden", token: (chat) => chat.token(9, { ttl_s: 600, role: "admin" }) },
    "an expired token": { code: "token_expired", token: (chat) => chat.token(1, { ttl_s: -1 }) },
    "something that is no token": { code: "unauthorized", token: () => "hello" },
  }

for (const [what, { code, token }] of Object.entries(notTaken)) {
  test(`[P7.4] ${what} is refused with ${code} and changes nothing: the old one holds until its end`, async () => {
    const { clock, chat, client } = await scene()
    await using _ = chat
    await clock.advance(minute)
    const answer = await client.ask({ type: "auth", data: { token: String(await token(chat)) } })
    expect(answer).toMatchObject({ type: "error", data: { code } })
    expect(await client.say("still user 1")).toMatchObject({ type: "ack" })
    expect((await client.next("message")).data.user_id).toBe(1)
    await clock.advance(minute)
    expect(await client.closed).toMatchObject({ code: 4005 })
  })
}

test("[P7.4] a token that has less than a minute when it comes is asked for a fresh one within a second", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ clock })
  const client = await chat.connect({ token: await chat.token(1, { ttl_s: 20 }) })
  await client.join()
  await clock.advance(1000)
  expect((await client.next("auth")).data.expires_at).toBe(at(clock, 19_000))
})
