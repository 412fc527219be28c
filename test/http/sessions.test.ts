import { expect, test } from "bun:test"
import { eq } from "drizzle-orm"
import { sessions } from "../../src/store/schema.ts"
import { idOf, insertMessages, insertSession, insertTurn, minute } from "./rows.ts"
import { testApp } from "./support.ts"

test("a session is created, and the answer is 201 with the row", async () => {
  await using app = await testApp()
  const client = await app.clientOf(1)
  const json = { flow_id: "default", chat_id: "mine", topic: "Tea" } as const
  const response = await client.chat.session.create.$post({ query: {}, json })
  const { status_code, status_message, data } = await response.json()
  expect([response.status, status_code, status_message]).toEqual([201, 201, "success"])
  expect(data).toMatchObject({ ...json, user_id: 1, chat_type: "NORMAL", logo: null, state: "initialized" })
  expect(await app.db.orm.select().from(sessions)).toEqual([data])
})

test("a session is created without a chat_id, for any chat type", async () => {
  await using app = await testApp()
  const client = await app.clientOf(1)
  const response = await client.chat.session.create.$post({ query: {}, json: { flow_id: "f", chat_type: "WORKFLOW" } })
  const { data } = await response.json()
  expect(data.chat_type).toBe("WORKFLOW")
  expect(data.chat_id).not.toBe("")
})

test("a chat_id is taken for its owner only", async () => {
  await using app = await testApp()
  const body = { flow_id: "default", chat_id: "mine" }
  expect((await app.ask("POST", "/chat/session/create", { body })).status).toBe(201)
  expect((await app.ask("POST", "/chat/session/create", { body, user: 2 })).status).toBe(201)
  const again = await app.ask("POST", "/chat/session/create", { body })
  expect([again.status, again.body.data.code]).toEqual([409, "chat_exists"])
})

test("a session of a flow that nobody serves is refused", async () => {
  await using app = await testApp()
  const refused = await app.ask("POST", "/chat/session/create", { body: { flow_id: "unknown" } })
  expect([refused.status, refused.body.data.code]).toEqual([404, "unknown_flow"])
})

test.each([
  [{}, "flow_id"],
  [{ flow_id: "" }, "flow_id"],
  [{ flow_id: "a/b" }, "flow_id"],
  [{ flow_id: "f", chat_type: "normal" }, "chat_type"],
  [{ flow_id: "f", chat_id: "-x" }, "chat_id"],
  [{ flow_id: "f", chat_id: null }, "chat_id"],
  [{ flow_id: "f", topic: "x".repeat(201) }, "topic"],
  [{ flow_id: "f", topic: "\ud800" }, "topic"],
  [{ flow_id: "f", logo: "a\0b" }, "logo"],
  [[], "object"],
  [null, "object"],
  ["text", "object"],
])("a session is not created from %j", async (body, named) => {
  await using app = await testApp()
  const refused = await app.ask("POST", "/chat/session/create", { body: JSON.stringify(body) })
  expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
  expect(refused.body.status_message).toContain(named)
})

test("a session is found by its session_id and by its chat_id, with its open turns", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db, { state: "running" })
  const turn = await insertTurn(app.db, session, { state: "running" })
  const client = await app.clientOf(1)
  for (const session_id of [session.id, session.chat_id]) {
    const response = await client.chat.session[":session_id"].$get({ param: { session_id }, query: {} })
    const { data } = await response.json()
    const open = { turn_id: turn.id, message_id: turn.message_id, state: "running" as const, create_time: minute(0) }
    expect(data).toEqual({ ...session, turns: [open], question: null })
  }
})

test("a session that waits for input shows its question", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db, { state: "waiting_input" })
  const { body } = await app.ask("GET", `/chat/session/${session.id}`)
  expect(body.data.question).toMatchObject({ prompt: "Which?" })
})

test("a chat that is called like the session_id of another does not hide that one", async () => {
  await using app = await testApp()
  const real = await insertSession(app.db)
  await insertSession(app.db, { chat_id: real.id })
  const { body } = await app.ask("GET", `/chat/session/${real.id}`)
  expect(body.data.chat_id).toBe(real.chat_id)
})

test("a chat may be called like a session_id that is not there", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db, { chat_id: idOf("ses", 0xdead) })
  const { body } = await app.ask("GET", `/chat/session/${session.chat_id}`)
  expect(body.data.id).toBe(session.id)
})

test("a session gets a topic and a logo, and null takes them away", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db, { topic: "old", logo: "old.png" })
  const client = await app.clientOf(1)
  const param = { session_id: session.chat_id }
  const put = client.chat.session[":session_id"].$put
  const named = await (await put({ param, query: {}, json: { topic: "new" } })).json()
  expect(named.data).toMatchObject({ id: session.id, topic: "new", logo: "old.png" })
  const bare = await (await put({ param, query: {}, json: { topic: null, logo: null } })).json()
  expect(bare.data).toMatchObject({ topic: null, logo: null })
  expect(app.chat.asked.map(({ change }) => change)).toEqual([{ topic: "new" }, { topic: null, logo: null }])
})

test.each([{}, { topik: "x" }, { topic: 1 }, { topic: "x".repeat(201) }, { logo: "x".repeat(501) }])(
  "a session is not updated by %j",
  async (body) => {
    await using app = await testApp()
    const session = await insertSession(app.db)
    const refused = await app.ask("PUT", `/chat/session/${session.id}`, { body })
    expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
    expect(app.chat.asked).toEqual([])
  },
)

test("a deleted session is not found, not listed, and not deleted twice; its rows stay", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const [message] = await insertMessages(app.db, session, 1)
  const client = await app.clientOf(1)
  const param = { session_id: session.chat_id }
  const deleted = await (await client.chat.session[":session_id"].$delete({ param, query: {} })).json()
  expect(deleted.data).toEqual({ deleted: [session.id] })
  const after = [
    await app.ask("GET", `/chat/session/${session.id}`),
    await app.ask("GET", `/chat/session/${session.chat_id}`),
    await app.ask("PUT", `/chat/session/${session.id}`, { body: { topic: "x" } }),
    await app.ask("DELETE", `/chat/session/${session.id}`),
    await app.ask("GET", `/chat/message/history?chat_id=${session.id}`),
    await app.ask("DELETE", `/chat/message/delete?chat_id=${session.id}&message_id=${message?.id}`),
    await app.ask("POST", "/chat/interrupt", { body: { chat_id: session.id } }),
    await app.ask("GET", `/chat/messages/count?chat_id=${session.id}`),
  ]
  expect(after.map(({ status }) => status)).toEqual(after.map(() => 404))
  expect((await app.ask("GET", "/chat/session/list")).body.data.items).toEqual([])
  expect(await app.db.orm.select().from(sessions).where(eq(sessions.id, session.id))).toHaveLength(1)
})

test("what the live chats must notice carries the trace_id of the request", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const headers = { "X-Trace-Id": "trace-7" }
  await app.ask("PUT", `/chat/session/${session.id}`, { body: { topic: "x" }, headers })
  await app.ask("POST", "/chat/interrupt", { body: { chat_id: session.id }, headers })
  await app.ask("DELETE", `/chat/message/delete?chat_id=${session.id}&message_id=${idOf("msg")}`, { headers })
  await app.ask("DELETE", `/chat/session/${session.id}`, { headers })
  expect(app.chat.asked.map(({ act, trace_id }) => [act, trace_id])).toEqual(
    ["updateSession", "interrupt", "deleteMessages", "deleteSession"].map((act) => [act, "trace-7"]),
  )
})
