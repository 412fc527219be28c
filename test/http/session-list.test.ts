import { expect, test } from "bun:test"
import { eq } from "drizzle-orm"
import { type SessionRow, sessions } from "../../src/store/schema.ts"
import { insertSession, minute } from "./rows.ts"
import { type TestApp, testApp } from "./support.ts"

async function idsOf(app: TestApp, query: string, options?: Parameters<TestApp["ask"]>[2]): Promise<unknown[]> {
  const { body } = await app.ask("GET", `/chat/session/list${query}`, options)
  return (body.data.items as SessionRow[]).map(({ id }) => id)
}

/** Every page, one after the other. */
async function pagesOf(app: TestApp, limit: number, between?: (page: number) => Promise<unknown>): Promise<string[][]> {
  const client = await app.clientOf(1)
  const pages: string[][] = []
  let cursor: string | undefined
  for (let page = 0; page < 100; page++) {
    const query = { limit: String(limit), ...(cursor === undefined ? {} : { cursor }) }
    const { data } = await (await client.chat.session.list.$get({ query })).json()
    pages.push(data.items.map(({ id }) => id))
    if (data.next_cursor === null) return pages
    cursor = data.next_cursor
    await between?.(page)
  }
  throw new Error("the pages do not end")
}

test("sessions are listed by their owner, the last updated first", async () => {
  await using app = await testApp()
  const old = await insertSession(app.db, { update_time: minute(1) })
  const fresh = await insertSession(app.db, { update_time: minute(3) })
  const middle = await insertSession(app.db, { update_time: minute(2) })
  await insertSession(app.db, { user_id: 2, update_time: minute(4) })
  await insertSession(app.db, { deleted_at: minute(9), update_time: minute(9) })
  const { body } = await app.ask("GET", "/chat/session/list")
  expect(body.data).toEqual({ items: [fresh, middle, old], next_cursor: null })
})

test.each([
  ["chat_type=WORKFLOW", { chat_type: "WORKFLOW" }],
  ["state=running", { state: "running" }],
  ["lifecycle=paused", { lifecycle: "paused" }],
  ["flow_id=other", { flow_id: "other" }],
  [`since=${minute(10)}`, { update_time: minute(10) }],
  ["since=2025-01-01T08:10:00%2B08:00", { update_time: minute(10) }],
] as const)("sessions are filtered by %s", async (query, over) => {
  await using app = await testApp()
  const chosen = await insertSession(app.db, over)
  await insertSession(app.db)
  expect(await idsOf(app, `?${query}`)).toEqual([chosen.id])
})

test("since is included and until is not", async () => {
  await using app = await testApp()
  const rows = []
  for (const at of [1, 2, 3, 4]) rows.push(await insertSession(app.db, { update_time: minute(at) }))
  expect(await idsOf(app, `?since=${minute(2)}&until=${minute(4)}`)).toEqual([rows[2]?.id, rows[1]?.id])
})

test("filters narrow each other", async () => {
  await using app = await testApp()
  const both = await insertSession(app.db, { state: "running", flow_id: "other" })
  await insertSession(app.db, { state: "running" })
  await insertSession(app.db, { flow_id: "other" })
  expect(await idsOf(app, "?state=running&flow_id=other")).toEqual([both.id])
})

test.each([1, 2, 7, 100])(
  "in pages of %d every session is listed once, though many share an update_time",
  async (limit) => {
    await using app = await testApp()
    const rows: SessionRow[] = []
    for (let at = 0; at < 23; at++) rows.push(await insertSession(app.db, { update_time: minute(Math.floor(at / 5)) }))
    const expected = rows
      .toSorted((a, b) => b.update_time.localeCompare(a.update_time) || b.id.localeCompare(a.id))
      .map(({ id }) => id)
    const pages = await pagesOf(app, limit)
    expect(pages.flat()).toEqual(expected)
    expect(pages).toHaveLength(Math.ceil(23 / limit))
  },
)

test("twenty sessions are listed when no limit is named", async () => {
  await using app = await testApp()
  for (let at = 0; at < 21; at++) await insertSession(app.db)
  expect(await idsOf(app, "")).toHaveLength(20)
})

test("a session that is made, updated or deleted while somebody pages makes no other one show twice or get lost", async () => {
  await using app = await testApp()
  const rows: SessionRow[] = []
  for (let at = 0; at < 12; at++) rows.push(await insertSession(app.db, { update_time: minute(at) }))
  const [touched, gone] = [rows[0]?.id ?? "", rows[1]?.id ?? ""]
  const pages = await pagesOf(app, 3, async (page) => {
    if (page !== 1) return
    await insertSession(app.db, { update_time: minute(60) })
    await app.db.orm
      .update(sessions)
      .set({ update_time: minute(61) })
      .where(eq(sessions.id, touched))
    await app.db.orm
      .update(sessions)
      .set({ deleted_at: minute(61) })
      .where(eq(sessions.id, gone))
  })
  const untouched = rows.map(({ id }) => id).filter((id) => id !== touched && id !== gone)
  expect(pages.flat()).toEqual(untouched.reverse())
})

test("an administrator lists their own, another's, or everybody's", async () => {
  await using app = await testApp()
  const own = await insertSession(app.db, { user_id: 9, update_time: minute(1) })
  const other = await insertSession(app.db, { user_id: 1, update_time: minute(2) })
  const admin = { user: 9, role: "admin" } as const
  expect(await idsOf(app, "", admin)).toEqual([own.id])
  expect(await idsOf(app, "?user_id=1", admin)).toEqual([other.id])
  expect(await idsOf(app, "?user_id=all", admin)).toEqual([other.id, own.id])
  expect(await idsOf(app, "?user_id=77", admin)).toEqual([])
})

test("a user may name themselves, and nobody else", async () => {
  await using app = await testApp()
  const own = await insertSession(app.db)
  expect(await idsOf(app, "?user_id=1")).toEqual([own.id])
  for (const user_id of ["2", "all", "0"]) {
    const refused = await app.ask("GET", `/chat/session/list?user_id=${user_id}`)
    expect([refused.status, refused.body.data.code]).toEqual([403, "forbidden"])
  }
})

test.each([
  "limit=0",
  "limit=101",
  "limit=-1",
  "limit=1.5",
  "limit=x",
  "limit=",
  "limit=1&limit=2",
  "limit=99999999999999999999",
  "state=unknown",
  "chat_type=normal",
  "lifecycle=",
  "flow_id=a/b",
  "since=yesterday",
  "since=2025-01-01",
  "since=2025-02-30T00:00:00Z",
  "until=9999-12-31T23:59:59-23:00",
  "user_id=-1",
  "user_id=1;2",
  "user_id=",
  "flowid=default",
])("a list of ?%s is refused", async (query) => {
  await using app = await testApp()
  const refused = await app.ask("GET", `/chat/session/list?${query}`)
  expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
  expect(refused.body.status_message).toContain(query.split("=")[0] ?? "")
})
