// How a socket comes to its chat, and how it is told that it may not.
import { expect, test } from "bun:test"
import type { ServerFrameOf } from "../../src/protocol/server-frame.ts"
import type { TestClient } from "../support/client.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { type ConnectOptions, startTestServer } from "../support/server.ts"

const bots = () => ({ handlers: { scripted: scriptedHandler().handler } })

async function joined(client: TestClient): Promise<Extract<ServerFrameOf<"start">["data"], { session: unknown }>> {
  await client.join()
  const start = client.frames.find((frame) => frame.type === "start" && "session" in frame.data)
  if (start?.type !== "start" || !("session" in start.data)) throw new Error("the client did not join")
  return start.data
}

/** The refusal and the close of a connection that may not be. */
async function refusal(client: TestClient): Promise<{ code: string; close: number; frames: number }> {
  const { code: close } = await client.closed
  const error = await client.next("error")
  return { code: error.data.code, close, frames: client.frames.length }
}

const badAddresses: Record<string, ConnectOptions> = {
  "a flow that begins with a dot": { flow: ".hidden" },
  "a flow of 65 characters": { flow: "f".repeat(65) },
  "a flow with a slash in it": { flow: "a%2Fb" },
  "a flow that is not percent-encoded": { flow: "%zz" },
  "a flow in Chinese": { flow: "%E4%BD%A0" },
  "a flow with U+0000": { flow: "a%00" },
  "an empty chat_id": { chat: "" },
  "a chat_id that begins with a dash": { chat: "-c" },
  "a chat_id of 65 characters": { chat: "c".repeat(65) },
  "a chat_id with a space": { chat: "a b" },
  "a chat_id named __proto__": { chat: "__proto__" },
  "an unknown chat_type": { query: { chat_type: "PARTY" } },
  "a chat_type in small letters": { query: { chat_type: "normal" } },
}

for (const [what, options] of Object.entries(badAddresses)) {
  test.concurrent(`[P1.1] ${what} is told as bad_url and closed with 4501`, async () => {
    await using chat = await startTestServer()
    const client = await chat.connect(options)
    expect(await refusal(client)).toEqual({ code: "bad_url", close: 4501, frames: 1 })
  })
}

test("[P1.1] every character that a name may have is taken, and 64 of them", async () => {
  await using chat = await startTestServer(bots())
  const name = `0aZ._~:-${"x".repeat(56)}`
  const client = await chat.connect({ flow: name, chat: name })
  expect((await joined(client)).session).toMatchObject({ flow_id: name, chat_id: name, chat_type: "NORMAL" })
})

test("[P1.1] the path names the flow: a query parameter of that name changes nothing", async () => {
  await using chat = await startTestServer(bots())
  const client = await chat.connect({ flow: "real", query: { flow_id: "other" } })
  expect((await joined(client)).session.flow_id).toBe("real")
})

test("[P1.1] chat_type defaults to the existing session's, and another one than that is refused", async () => {
  const handlers = { scripted: scriptedHandler().handler }
  await using chat = await startTestServer({ handlers, flows: [{ chat_type: "WORKFLOW", handler: "scripted" }] })
  const first = await chat.connect({ chat: "w1", query: { chat_type: "WORKFLOW" } })
  await joined(first)
  const again = await chat.connect({ chat: "w1" })
  expect((await joined(again)).session.chat_type).toBe("WORKFLOW")
  const other = await chat.connect({ chat: "w1", query: { chat_type: "NORMAL" } })
  expect(await refusal(other)).toEqual({ code: "flow_mismatch", close: 4501, frames: 1 })
})

test("[P1.1] lang chooses the language of what people read", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect({ flow: "-", query: { lang: "zh" } })
  expect((await client.next("error")).data.message).toMatch(/\p{Script=Han}/u)
})

test("[P1.3] a chat_id that the caller does not have yet creates the session, and leads back to it afterwards", async () => {
  await using chat = await startTestServer(bots())
  const first = (await joined(await chat.connect({ chat: "mine" }))).session
  expect(first).toMatchObject({ chat_id: "mine", user_id: 1, state: "initialized", last_seq: 0 })
  const again = (await joined(await chat.connect({ chat: "mine" }))).session
  expect(again.id).toBe(first.id)
})

test("[P1.3] without chat_id the server makes one, another one each time, and says it in start", async () => {
  await using chat = await startTestServer(bots())
  const one = await joined(await chat.connect())
  const two = await joined(await chat.connect())
  expect(one.session.chat_id).toMatch(/^chat_[0-9a-f]{32}$/)
  expect(two.session.chat_id).not.toBe(one.session.chat_id)
})

test("[P1.3] what others call their chats can be neither seen nor taken: the same name is another chat", async () => {
  await using chat = await startTestServer(bots())
  const mine = await chat.connect({ chat: "shared-name", user: 1 })
  await mine.say("a secret")
  const theirs = await chat.connect({ chat: "shared-name", user: 2 })
  const start = await joined(theirs)
  expect(start).toMatchObject({ top: 0, snapshot: [], turns: [], session: { user_id: 2, last_seq: 0 } })
  await theirs.settled()
  expect(JSON.stringify(theirs.frames)).not.toContain("a secret")
})

test("[P1.3] two devices that make the same chat at the same time are in one chat", async () => {
  await using chat = await startTestServer(bots())
  const clients = await Promise.all(Array.from({ length: 8 }, () => chat.connect({ chat: "new" })))
  const sessions = await Promise.all(clients.map(joined))
  expect(new Set(sessions.map(({ session }) => session.id)).size).toBe(1)
})

test("[P1.4] an unknown flow is accepted, told why in one error frame, and closed with 4501", async () => {
  const handlers = { scripted: scriptedHandler().handler }
  await using chat = await startTestServer({ handlers, flows: [{ flow_id: "known", handler: "scripted" }] })
  const client = await chat.connect({ flow: "unknown", chat: "c1" })
  await client.send({ type: "message", data: { text: "hello" }, id: "m1" })
  expect(await refusal(client)).toEqual({ code: "unknown_flow", close: 4501, frames: 1 })
})

test("[P1.4] a chat of another flow is refused with flow_mismatch and 4501", async () => {
  await using chat = await startTestServer(bots())
  await joined(await chat.connect({ flow: "one", chat: "c1" }))
  const client = await chat.connect({ flow: "two", chat: "c1" })
  expect(await refusal(client)).toEqual({ code: "flow_mismatch", close: 4501, frames: 1 })
})

test("[P1.4] one connection too many of a user is closed with 4504; other users and a freed place are not affected", async () => {
  await using chat = await startTestServer({ ...bots(), env: { CHAT_MAX_CONNECTIONS_PER_USER: "2" } })
  const first = await chat.connect({ chat: "a" })
  const second = await chat.connect({ chat: "b" })
  await Promise.all([joined(first), joined(second)])
  expect(await refusal(await chat.connect({ chat: "c" }))).toEqual({
    ...{ code: "too_many_connections", close: 4504, frames: 1 },
  })
  await joined(await chat.connect({ chat: "a", user: 2 }))
  first.close()
  await first.closed
  // The server hears of the close no later than the client does of its answer.
  await joined(await chat.connect({ chat: "c" }))
})

test("[P1.4] a request to the same address that is no WebSocket handshake gets an HTTP answer", async () => {
  await using chat = await startTestServer()
  const answer = await chat.fetch("/chat/default")
  expect(answer.status).toBe(426)
})
