import { expect, test } from "bun:test"
import { idOf, insertSession, insertTurn } from "./rows.ts"
import { testApp } from "./support.ts"

test("the running turn is stopped, by chat_id or by session_id", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const turn = await insertTurn(app.db, session, { state: "running" })
  const client = await app.clientOf(1)
  for (const chat_id of [session.id, session.chat_id]) {
    const response = await client.chat.interrupt.$post({ query: {}, json: { chat_id } })
    expect((await response.json()).data).toEqual({ result: "confirmed", turn_id: turn.id })
  }
})

test("one waits a second for the turn's end, or as long as one says", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const turn_id = idOf("trn")
  await app.ask("POST", "/chat/interrupt", { body: { chat_id: session.id } })
  await app.ask("POST", "/chat/interrupt", { body: { chat_id: session.id, turn_id, wait_ms: 0 } })
  expect(app.chat.asked).toMatchObject([{ wait_ms: 1000 }, { wait_ms: 0, turn_id }])
  expect(app.chat.asked[0]).not.toHaveProperty("turn_id")
})

test("what the live chats know beyond the answer is not told", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const told = { result: "too_late", turn_id: null, seq: 7 } as const
  app.chat.interrupt = () => Promise.resolve(told)
  const { body } = await app.ask("POST", "/chat/interrupt", { body: { chat_id: session.id } })
  expect(body.data).toEqual({ result: "too_late", turn_id: null })
})

test("a turn that has ended is too late to stop, and that is no fault", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  await insertTurn(app.db, session, { state: "completed" })
  const { status, body } = await app.ask("POST", "/chat/interrupt", { body: { chat_id: session.id } })
  expect([status, body.data]).toEqual([200, { result: "too_late", turn_id: null }])
})

test.each([
  {},
  { chat_id: 7 },
  { chat_id: "x", turn_id: "x" },
  { chat_id: "x", wait_ms: -1 },
  { chat_id: "x", wait_ms: 30_001 },
  { chat_id: "x", wait_ms: 0.5 },
])("an interruption of %j is refused", async (body) => {
  await using app = await testApp()
  const refused = await app.ask("POST", "/chat/interrupt", { body })
  expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
})

test("the WebSocket's address asks for an upgrade, with or without a token", async () => {
  await using app = await testApp()
  for (const user of [1, null]) {
    const { status, headers, body } = await app.ask("GET", "/chat/default", { user })
    expect([status, body.data.code, headers.get("Upgrade")]).toEqual([426, "upgrade_required", "websocket"])
  }
})
