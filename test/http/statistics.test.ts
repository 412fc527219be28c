import { expect, test } from "bun:test"
import type { Statistics } from "../../src/protocol/rest-statistics.ts"
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
    ...(seq === 2
      ? { usage: { input_tokens: 10, output_tokens: 20, reasoning_tokens: 7, total_tokens: 31, cost: 0.5 } }
      : {}),
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
    usage: { input_tokens: 0, output_tokens: 0, reasoning_tokens: 0, total_tokens: 0, cost: 0 },
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
  expect(usage).toEqual({ input_tokens: 11, output_tokens: 22, reasoning_tokens: 7, total_tokens: 34, cost: 0.5 })
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

interface Groups {
  items: { key: string; turns: number; messages: number; usage: Record<string, number> }[]
  next_cursor: string | null
}

async function groupsOf(app: TestApp, query: string, options?: AskOptions): Promise<Groups> {
  const { groups } = await statisticsOf(app, query, options)
  return groups ?? expect.unreachable()
}

/** Three days of two users: each exchange costs its number, and every second one is of the model `small`. */
async function spent(app: TestApp) {
  const turn = (number: number) => `trn_${number.toString(16).padStart(32, "0")}`
  let number = 0
  for (const [user_id, flow_id] of [
    [1, "a"],
    [1, "b"],
    [2, "a"],
  ] as const) {
    const session = await insertSession(app.db, { user_id, flow_id })
    await insertMessages(app.db, session, 6, (seq) => {
      const exchange = Math.ceil(seq / 2)
      if (seq % 2 === 1) number++
      const usage = { input_tokens: number, output_tokens: 1, reasoning_tokens: 1, cost: number / 4 }
      return {
        turn_id: turn(number),
        create_time: `2025-01-0${exchange}T23:59:59.999Z`,
        usage: seq % 2 === 0 ? { ...usage, model: exchange % 2 === 0 ? "small" : "large" } : null,
      }
    })
  }
  // What has no turn, and what is deleted.
  const other = await insertSession(app.db, { flow_id: "c" })
  await insertMessages(app.db, other, 2, (seq) => ({
    ...(seq === 2 ? { deleted_at: minute(3), usage: { cost: 99 } } : {}),
  }))
  return turn
}

test("usage and cost are told by turn and day, newest first, and by flow and model", async () => {
  await using app = await testApp()
  const turn = await spent(app)
  const rowsOf = async (query: string) =>
    (await groupsOf(app, query)).items.map(({ key, turns, messages, usage }) => [
      key,
      turns,
      messages,
      usage.input_tokens,
      usage.cost,
    ])
  expect(await rowsOf("?group_by=turn&limit=2")).toEqual([
    [turn(6), 1, 2, 6, 1.5],
    [turn(5), 1, 2, 5, 1.25],
  ])
  expect(await rowsOf("?group_by=day&since=2025-01-02T00:00:00Z")).toEqual([
    ["2025-01-03", 2, 4, 9, 2.25],
    ["2025-01-02", 2, 4, 7, 1.75],
  ])
  expect(await rowsOf("?group_by=flow")).toEqual([
    ["a", 3, 6, 6, 1.5],
    ["b", 3, 6, 15, 3.75],
    ["c", 0, 1, 0, 0],
  ])
  expect(await rowsOf("?group_by=model&flow_id=a")).toEqual([
    ["large", 2, 2, 4, 1],
    ["small", 1, 1, 2, 0.5],
  ])
  const { usage } = await statisticsOf(app, "?group_by=flow")
  expect(usage).toEqual({ input_tokens: 21, output_tokens: 6, reasoning_tokens: 6, total_tokens: 27, cost: 5.25 })
})

test("usage by user is for an administrator who asks about all, in the order of their numbers", async () => {
  await using app = await testApp()
  await spent(app)
  for (let user_id = 9; user_id <= 11; user_id++) {
    const session = await insertSession(app.db, { user_id })
    await insertMessages(app.db, session, 1)
  }
  const admin = { user: 99, role: "admin" } as const
  const first = await groupsOf(app, "?group_by=user&user_id=all&limit=3", admin)
  expect(first.items.map(({ key, messages }) => [key, messages])).toEqual([
    ["1", 13],
    ["2", 6],
    ["9", 1],
  ])
  const rest = await groupsOf(app, `?group_by=user&user_id=all&cursor=${first.next_cursor}`, admin)
  expect([rest.items.map(({ key }) => key), rest.next_cursor]).toEqual([["10", "11"], null])
  for (const [query, options] of [
    ["?group_by=user", {}],
    ["?group_by=user", admin],
    ["?group_by=user&user_id=1", admin],
    ["?group_by=user&user_id=all", {}],
  ] as const) {
    expect((await app.ask("GET", `/chat/statistics${query}`, options)).body.data.code).toBe("forbidden")
  }
})

test("pages of groups follow each other by their cursor, which is of one question", async () => {
  await using app = await testApp()
  const turn = await spent(app)
  const keys: string[] = []
  let cursor: string | null = null
  do {
    const page: Groups = await groupsOf(app, `?group_by=turn&limit=4${cursor === null ? "" : `&cursor=${cursor}`}`)
    keys.push(...page.items.map(({ key }) => key))
    cursor = page.next_cursor
    if (cursor === null) continue
    const { body } = await app.ask("GET", `/chat/statistics?group_by=day&cursor=${cursor}`)
    expect(body.data.code).toBe("bad_request")
  } while (cursor !== null)
  expect(keys).toEqual([6, 5, 4, 3, 2, 1].map(turn))
})

test.each(["?group_by=week", "?group_by=", "?cursor=x", "?limit=0&group_by=day"])(
  "groups of %s are refused",
  async (query) => {
    await using app = await testApp()
    expect((await app.ask("GET", `/chat/statistics${query}`)).body.data.code).toBe("bad_request")
  },
)
