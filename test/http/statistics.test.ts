import { expect, test } from "bun:test"
import type { Statistics } from "../../src/protocol/rest.ts"
import { insertMessages, insertSession, insertTurn, minute } from "./rows.ts"
import { type AskOptions, type TestApp, testApp } from "./support.ts"

async function statisticsOf(app: TestApp, query: string, options?: AskOptions): Promise<Statistics> {
  const { body } = await app.ask("GET", `/chat/statistics${query}`, options)
  return body.data as Statistics
}

async function countOf(app: TestApp, query: string, options?: AskOptions): Promise<unknown> {
  return (await app.ask("GET", `/chat/messages/count${query}`, options)).body.data.count
}

/** User 1: a running WORKFLOW of flow f with 5 messages, and a NORMAL one with 2. User 2: one with 3. And what is deleted. */
async function filled(app: TestApp) {
  const work = await insertSession(app.db, {
    chat_type: "WORKFLOW",
    flow_id: "f",
    state: "running",
    create_time: minute(1),
  })
  const plain = await insertSession(app.db, { lifecycle: "paused", create_time: minute(100) })
  const foreign = await insertSession(app.db, { user_id: 2, create_time: minute(1) })
  const gone = await insertSession(app.db, { deleted_at: minute(9) })
  await insertMessages(app.db, work, 6, (seq) => ({
    ...(seq === 2 ? { usage: { input_tokens: 10, output_tokens: 20, total_tokens: 31 } } : {}),
    ...(seq === 4 ? { usage: { input_tokens: 1, output_tokens: 2 } } : {}),
    ...(seq === 3 ? { kind: "file" as const } : {}),
    ...(seq === 6 ? { deleted_at: minute(7), usage: { total_tokens: 1000 } } : {}),
  }))
  await insertMessages(app.db, plain, 2, (seq) => ({ create_time: minute(100 + seq) }))
  await insertMessages(app.db, foreign, 3)
  await insertMessages(app.db, gone, 4, () => ({ usage: { total_tokens: 1000 } }))
  for (const session of [work, plain, foreign, gone])
    await insertTurn(app.db, session, { create_time: session.create_time })
  await insertTurn(app.db, work, { state: "running", create_time: minute(2) })
  return { work, plain, foreign }
}

test("an empty service has statistics of nothing but zeros", async () => {
  await using app = await testApp()
  const client = await app.clientOf(1)
  const { data } = await (await client.chat.statistics.$get({ query: {} })).json()
  expect(data).toEqual({
    sessions: {
      total: 0,
      by_state: { initialized: 0, running: 0, waiting_input: 0, completed: 0, interrupted: 0, ended: 0 },
      by_chat_type: { NORMAL: 0, WORKFLOW: 0, ASSISTANT: 0, LINSIGHT: 0 },
      by_lifecycle: { created: 0, active: 0, paused: 0, ended: 0 },
    },
    messages: { total: 0, by_people: 0, by_bots: 0 },
    turns: { by_state: { queued: 0, running: 0, waiting_input: 0, completed: 0, interrupted: 0, failed: 0 } },
    usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
  })
})

test("a user's statistics count their own, and nothing that is deleted", async () => {
  await using app = await testApp()
  await filled(app)
  const { sessions, messages, turns, usage } = await statisticsOf(app, "")
  expect(sessions).toMatchObject({
    total: 2,
    by_state: { running: 1, completed: 1 },
    by_chat_type: { NORMAL: 1, WORKFLOW: 1 },
    by_lifecycle: { active: 1, paused: 1 },
  })
  expect(messages).toEqual({ total: 7, by_people: 4, by_bots: 3 })
  expect(turns.by_state).toMatchObject({ running: 1, completed: 2 })
  expect(usage).toEqual({ input_tokens: 11, output_tokens: 22, total_tokens: 34 })
})

test.each([
  ["?chat_type=WORKFLOW", [1, 5, 2]],
  ["?flow_id=f", [1, 5, 2]],
  ["?flow_id=none", [0, 0, 0]],
  [`?since=${minute(50)}`, [1, 2, 1]],
  [`?until=${minute(50)}`, [1, 5, 2]],
  [`?since=${minute(2)}&until=${minute(4)}`, [0, 2, 1]],
  [`?since=${minute(50)}&chat_type=WORKFLOW`, [0, 0, 0]],
])("statistics are filtered by %s", async (query, expected) => {
  await using app = await testApp()
  await filled(app)
  const { sessions, messages, turns } = await statisticsOf(app, query)
  const ofTurns = Object.values(turns.by_state).reduce((total, one) => total + one, 0)
  expect([sessions.total, messages.total, ofTurns]).toEqual([...expected])
})

test("an administrator has statistics of themselves, of a user, or of all", async () => {
  await using app = await testApp()
  await filled(app)
  const admin = { user: 9, role: "admin" } as const
  expect((await statisticsOf(app, "", admin)).messages.total).toBe(0)
  expect((await statisticsOf(app, "?user_id=2", admin)).messages.total).toBe(3)
  expect((await statisticsOf(app, "?user_id=all", admin)).messages.total).toBe(10)
})

test.each([
  ["", 7],
  ["?user_id=1", 7],
  ["?chat_type=NORMAL", 2],
  ["?flow_id=f", 5],
  ["?is_bot=true", 3],
  ["?is_bot=false", 4],
  ["?kind=file", 1],
  [`?since=${minute(50)}`, 2],
  [`?since=${minute(2)}&until=${minute(4)}`, 2],
])("messages are counted by %s", async (query, expected) => {
  await using app = await testApp()
  await filled(app)
  expect(await countOf(app, query)).toBe(expected)
})

test("the messages of one chat are counted, by session_id or chat_id", async () => {
  await using app = await testApp()
  const { work } = await filled(app)
  const client = await app.clientOf(1)
  for (const chat_id of [work.id, work.chat_id]) {
    expect((await (await client.chat.messages.count.$get({ query: { chat_id } })).json()).data).toEqual({ count: 5 })
    expect(await countOf(app, `?chat_id=${chat_id}&is_bot=true`)).toBe(2)
  }
  expect(await countOf(app, `?chat_id=${work.id}&flow_id=other`)).toBe(0)
})

test("an administrator counts the messages of anybody", async () => {
  await using app = await testApp()
  const { foreign } = await filled(app)
  const admin = { user: 9, role: "admin" } as const
  expect(await countOf(app, "?user_id=all", admin)).toBe(10)
  expect(await countOf(app, "?user_id=2", admin)).toBe(3)
  expect(await countOf(app, `?chat_id=${foreign.id}`, admin)).toBe(3)
  expect(await countOf(app, `?chat_id=${foreign.id}&user_id=all`, admin)).toBe(3)
  expect(await countOf(app, `?chat_id=${foreign.chat_id}&user_id=2`, admin)).toBe(3)
})

test.each([
  "/chat/statistics?state=running",
  "/chat/statistics?since=x",
  "/chat/messages/count?kind=x",
  "/chat/messages/count?limit=1",
])("%s is refused", async (path) => {
  await using app = await testApp()
  expect((await app.ask("GET", path)).body.data.code).toBe("bad_request")
})

test.each(["/chat/statistics", "/chat/messages/count"])("a user may not ask %s about others", async (path) => {
  await using app = await testApp()
  for (const user_id of ["2", "all"]) {
    expect((await app.ask("GET", `${path}?user_id=${user_id}`)).body.data.code).toBe("forbidden")
  }
})
