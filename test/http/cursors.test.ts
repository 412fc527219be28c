import { expect, test } from "bun:test"
import { insertMessages, insertSession } from "./rows.ts"
import { type TestApp, testApp } from "./support.ts"

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const decode = (cursor: string): unknown[] => JSON.parse(Buffer.from(cursor, "base64url").toString())

async function cursorOf(app: TestApp, path: string, user = 1): Promise<string> {
  return String((await app.ask("GET", path, { user })).body.data.next_cursor)
}

async function expectRefused(app: TestApp, path: string): Promise<void> {
  const refused = await app.ask("GET", path)
  expect([path, refused.status, refused.body.data.code]).toEqual([path, 400, "bad_request"])
  expect(refused.body.status_message).toContain("cursor")
}

const garbage = [
  "",
  "0",
  "-1",
  "1",
  "abc",
  "%00",
  "null",
  "e30",
  "W10",
  "a".repeat(513),
  encode({ seq: 1 }),
  encode([1, 2, 3]),
]

test.each(garbage)("the cursor %j is none of ours, of no list", async (cursor) => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  await insertMessages(app.db, session, 3)
  await expectRefused(app, `/chat/session/list?cursor=${cursor}`)
  await expectRefused(app, `/chat/message/history?chat_id=${session.id}&cursor=${cursor}`)
})

test.each([[0], [-1], [1.5], [4], [1e15], ["1"], [null], [[]], [Number.MAX_SAFE_INTEGER + 1]])(
  "a history's cursor with the place %j is none of ours",
  async (seq) => {
    await using app = await testApp()
    const session = await insertSession(app.db)
    await insertMessages(app.db, session, 3)
    const path = `/chat/message/history?chat_id=${session.id}&limit=1`
    const [tag] = decode(await cursorOf(app, path))
    await expectRefused(app, `${path}&cursor=${encode([tag, [seq]])}`)
  },
)

test.each([[["yesterday", "ses_1"]], [[1, 2]], [[]], ["x"], [["2025-01-01T00:00:00.000Z", "' or 1=1 --"]]])(
  "a session list's cursor with the place %j is none of ours",
  async (place) => {
    await using app = await testApp()
    for (let at = 0; at < 3; at++) await insertSession(app.db)
    const [tag] = decode(await cursorOf(app, "/chat/session/list?limit=1"))
    await expectRefused(app, `/chat/session/list?limit=1&cursor=${encode([tag, place])}`)
  },
)

test.each([["abc"], [""], ["1e999"], [1], ["-1"], [null]])(
  "a cursor of the users' statistics with the place %j is none of ours",
  async (place) => {
    await using app = await testApp()
    for (const user_id of [1, 2, 3])
      await insertMessages(app.db, await insertSession(app.db, { user_id }), 1, () => ({ turn_id: null }))
    const path = "/chat/statistics?user_id=all&group_by=user&limit=1"
    const first = await app.ask("GET", path, { role: "admin" })
    const { groups } = first.body.data as { groups: { next_cursor: string } }
    const [tag] = decode(groups.next_cursor)
    const refused = await app.ask("GET", `${path}&cursor=${encode([tag, [place]])}`, { role: "admin" })
    expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
  },
)

test("a cursor is of one list: not of another user, chat, filter or order", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const other = await insertSession(app.db)
  const foreign = await insertSession(app.db, { user_id: 2 })
  for (let at = 0; at < 3; at++) await insertSession(app.db, { user_id: 2 })
  for (const one of [session, other, foreign]) await insertMessages(app.db, one, 5)

  const theirs = await cursorOf(app, "/chat/session/list?limit=1", 2)
  await expectRefused(app, `/chat/session/list?cursor=${theirs}`)
  const mine = await cursorOf(app, "/chat/session/list?limit=1")
  await expectRefused(app, `/chat/session/list?state=running&cursor=${mine}`)

  const history = `/chat/message/history?chat_id=${session.id}`
  await expectRefused(
    app,
    `${history}&cursor=${await cursorOf(app, `/chat/message/history?chat_id=${foreign.id}&limit=1`, 2)}`,
  )
  await expectRefused(
    app,
    `${history}&cursor=${await cursorOf(app, `/chat/message/history?chat_id=${other.id}&limit=1`)}`,
  )
  const newest = await cursorOf(app, `${history}&limit=1`)
  await expectRefused(app, `${history}&order=asc&cursor=${newest}`)
  await expectRefused(app, `${history}&is_bot=true&cursor=${newest}`)
  await expectRefused(app, `${history}&cursor=${mine}`)
  await expectRefused(app, `/chat/session/list?cursor=${newest}`)
})

test("a cursor stays good for another size of pages, and however the chat is named", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  await insertMessages(app.db, session, 5)
  const cursor = await cursorOf(app, `/chat/message/history?chat_id=${session.id}&limit=1`)
  const { body } = await app.ask("GET", `/chat/message/history?chat_id=${session.chat_id}&limit=3&cursor=${cursor}`)
  expect(body.data.items).toMatchObject([{ seq: 4 }, { seq: 3 }, { seq: 2 }])
})
