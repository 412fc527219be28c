// GET /chat/search over the real app: whose messages are looked through, what a query may say, pages, limits.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import type { Session } from "../../src/protocol/session.ts"
import { searchMessages } from "../../src/store/search.ts"
import { indexNext } from "../../src/store/search-index.ts"
import { Writer } from "../../src/store/writer.ts"
import { appendOf, messageOf, openChat } from "../store/appends.ts"
import { FakeClock } from "../support/clock.ts"
import { type AskOptions, type TestApp, testApp } from "./support.ts"

async function say(app: TestApp, chat: Session, ...texts: string[]): Promise<void> {
  const messages = texts.map((message) => messageOf(chat, { message }))
  const events = messages.map(({ id }) => ({ kind: "message", ref: id, data: null }) as const)
  await new Writer(app.db, systemClock).append(appendOf(chat, { messages, events }))
  while ((await indexNext(app.db, { instance: "i", now: 0, lease_expires_at: 0 })) === "more");
}

async function find(app: TestApp, query: string, options?: AskOptions): Promise<unknown[]> {
  const { status, body } = await app.ask("GET", `/chat/search?${query}`, options)
  expect(status).toBe(200)
  const { items } = body.data as { items: { snippet: { text: string } }[] }
  return items.map(({ snippet }) => snippet.text)
}

test("a user finds their own messages; an administrator their own, or those of a user who is named", async () => {
  await using app = await testApp()
  const [mine, theirs] = [await openChat(app.db), await openChat(app.db, { user_id: 2, chat_id: "main" })]
  await say(app, mine, "my tea")
  await say(app, theirs, "their tea")
  expect(await find(app, "q=tea")).toEqual(["my tea"])
  expect(await find(app, `q=tea&chat_id=${mine.chat_id}`)).toEqual(["my tea"])
  const admin = { user: 9, role: "admin" } as const
  expect(await find(app, "q=tea", admin)).toEqual([])
  expect(await find(app, "q=tea&user_id=2", admin)).toEqual(["their tea"])
  expect(await find(app, `q=tea&chat_id=${theirs.id}`, admin)).toEqual(["their tea"])
  expect((await app.ask("GET", "/chat/search?q=tea&user_id=2")).body.data.code).toBe("forbidden")
  expect((await app.ask("GET", "/chat/search?q=tea&user_id=all", admin)).body.data.code).toBe("bad_request")
})

test.each([
  '"',
  '""',
  "*",
  "tea*",
  "NEAR(tea",
  "tea AND",
  "NOT",
  "-tea",
  "^tea",
  "terms:tea",
  "(",
  "'; drop",
  "😀",
  "%",
  "_",
  "\\",
])("what means something to the index is a word like any other: %j", async (q) => {
  await using app = await testApp()
  const chat = await openChat(app.db)
  await say(app, chat, `before ${q} after`, "tea")
  const found = await find(app, `q=${encodeURIComponent(q)}`)
  expect(found).toEqual(/[\p{L}\p{So}]/u.test(q) ? [`before ${q} after`] : [])
})

test.each([
  "",
  "q=",
  "q=%20%20",
  `q=${"x".repeat(201)}`,
  "q=%00",
  "q=a&limit=0",
  "q=a&limit=101",
  "q=a&since=x",
  "q=a&state=ended",
])("the query %j is refused", async (query) => {
  await using app = await testApp()
  expect((await app.ask("GET", `/chat/search?${query}`)).body.data.code).toBe("bad_request")
})

test("pages follow each other by their cursor, which is of one search", async () => {
  await using app = await testApp()
  const chat = await openChat(app.db)
  await say(app, chat, ...Array.from({ length: 5 }, (_, place) => `tea ${place}`))
  const { body } = await app.ask("GET", "/chat/search?q=tea&limit=2")
  expect(await find(app, `q=tea&limit=2&cursor=${body.data.next_cursor}`)).toEqual(["tea 2", "tea 1"])
  expect(await find(app, `q=tea&limit=9&cursor=${body.data.next_cursor}`)).toEqual(["tea 2", "tea 1", "tea 0"])
  for (const other of ["q=coffee", "q=tea&is_bot=true", `q=tea&chat_id=${chat.id}`]) {
    const { body: refusal } = await app.ask("GET", `/chat/search?${other}&cursor=${body.data.next_cursor}`)
    expect(refusal.data.code).toBe("bad_request")
  }
})

test("a search that few of many candidates pass ends early, with a cursor to go on", async () => {
  await using app = await testApp()
  const [full, other] = [await openChat(app.db), await openChat(app.db)]
  await say(app, other, "tea at last")
  for (let round = 0; round < 45; round++) await say(app, full, ...Array.from({ length: 100 }, () => "tea"))
  const path = `/chat/search?q=tea&chat_id=${other.id}`
  const { body } = await app.ask("GET", path)
  expect(body.data).toEqual({ items: [], next_cursor: expect.any(String) })
  expect(await find(app, `q=tea&chat_id=${other.id}&cursor=${body.data.next_cursor}`)).toEqual(["tea at last"])
})

test("whoever searches too fast is told to wait", async () => {
  const clock = new FakeClock(Date.UTC(2025, 0, 31))
  await using app = await testApp({ clock })
  const ask = () => app.ask("GET", "/chat/search?q=x")
  for (let time = 0; time < 20; time++) expect((await ask()).status).toBe(200)
  const { status, body, headers } = await ask()
  expect([status, body.data.code, headers.get("Retry-After")]).toEqual([429, "rate_limited", "1"])
  expect((await app.ask("GET", "/chat/search?q=x", { user: 2 })).status).toBe(200)
  await clock.advance(1000)
  expect((await ask()).status).toBe(200)
})

test("a search asks the index for the owner's own terms, and rows by their keys: nobody else's messages cost it anything", async () => {
  await using app = await testApp()
  const plans = await app.db.plansOf(() => searchMessages(app.db, { owner: 1, q: "tea" }, { limit: 20 }))
  expect(plans).toHaveLength(1)
  const steps = plans[0]?.split("; ") ?? []
  expect(steps).toContain("SEARCH messages USING INTEGER PRIMARY KEY (rowid=?)")
  expect(steps).toContain("SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)")
  // `c` and the like hold a thousand places at most.
  const scanned = steps.filter((step) => step.startsWith("SCAN") && !/^SCAN (?:c|h|n|CONSTANT)\b/.test(step))
  expect(scanned).toEqual([expect.stringMatching(/^SCAN search_index VIRTUAL TABLE INDEX \d+:M1<$/)])
})
