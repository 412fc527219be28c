import { expect, test } from "bun:test"
import { eq } from "drizzle-orm"
import { messages } from "../../src/store/schema.ts"
import { idOf, insertMessages, insertSession, minute } from "./rows.ts"
import { type TestApp, testApp } from "./support.ts"

async function seqsOf(app: TestApp, query: string): Promise<number[]> {
  const { body } = await app.ask("GET", `/chat/message/history?${query}`)
  return (body.data.items as { seq: number }[]).map(({ seq }) => seq)
}

test("the history is whole messages, the newest first", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const usage = { input_tokens: 3, total_tokens: 5, model: "m" }
  const rows = await insertMessages(app.db, session, 3, (seq) =>
    seq === 2
      ? { parts: [{ type: "tool", tool_call_id: "t1", name: "n", state: "completed", input: { a: [1] } }], usage }
      : { extra: '{"a":1}', client_id: `c${seq}` },
  )
  const client = await app.clientOf(1)
  for (const chat_id of [session.id, session.chat_id]) {
    const response = await client.chat.message.history.$get({ query: { chat_id } })
    const { data } = await response.json()
    expect(data).toEqual({ items: rows.toReversed(), next_cursor: null })
  }
})

test.each(["desc", "asc"] as const)(
  "in order %s every message comes once, whatever the size of the pages",
  async (order) => {
    await using app = await testApp()
    const session = await insertSession(app.db)
    await insertMessages(app.db, await insertSession(app.db), 5)
    await insertMessages(app.db, session, 57)
    const client = await app.clientOf(1)
    for (const limit of [1, 10, 19, 57, 100]) {
      const seen: number[] = []
      let cursor: string | null = null
      do {
        const query = { chat_id: session.chat_id, order, limit: String(limit), ...(cursor === null ? {} : { cursor }) }
        const response = await client.chat.message.history.$get({ query })
        const { data } = await response.json()
        seen.push(...data.items.map(({ seq }) => seq))
        cursor = data.next_cursor
      } while (cursor !== null)
      const upwards = Array.from({ length: 57 }, (_, index) => index + 1)
      expect(seen).toEqual(order === "asc" ? upwards : upwards.toReversed())
    }
  },
)

test("messages that come while somebody pages back do not shift the pages", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const rows = await insertMessages(app.db, session, 6)
  const first = await app.ask("GET", `/chat/message/history?chat_id=${session.id}&limit=3`)
  const late = rows[0] ?? expect.unreachable()
  await app.db.orm.insert(messages).values({ ...late, id: idOf("msg"), seq: 7 })
  expect(await seqsOf(app, `chat_id=${session.id}&limit=3&cursor=${first.body.data.next_cursor}`)).toEqual([3, 2, 1])
})

test.each([
  [`since=${minute(4)}`, [5, 4]],
  [`until=${minute(3)}`, [2, 1]],
  [`since=${minute(2)}&until=${minute(4)}`, [3, 2]],
  ["is_bot=true", [4, 2]],
  ["is_bot=false", [5, 3, 1]],
  ["kind=file", [3]],
  ["kind=input", []],
  ["is_bot=false&kind=text&order=asc", [1, 5]],
])("the history is filtered by %s", async (query, expected) => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  await insertMessages(app.db, session, 5, (seq) => (seq === 3 ? { kind: "file" } : {}))
  expect(await seqsOf(app, `chat_id=${session.id}&${query}`)).toEqual([...expected])
})

test("a filtered history is paged within its filter", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  await insertMessages(app.db, session, 9)
  const first = await app.ask("GET", `/chat/message/history?chat_id=${session.id}&is_bot=true&limit=2`)
  expect(await seqsOf(app, `chat_id=${session.id}&is_bot=true&limit=2&cursor=${first.body.data.next_cursor}`)).toEqual([
    4, 2,
  ])
})

test("a session without messages has an empty history", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const { body } = await app.ask("GET", `/chat/message/history?chat_id=${session.id}`)
  expect(body.data).toEqual({ items: [], next_cursor: null })
})

test("deleted messages are gone from the history, and their rows stay", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const rows = await insertMessages(app.db, session, 4)
  const [one, , three] = rows.map(({ id }) => id)
  const client = await app.clientOf(1)
  const message_id = [one ?? "", three ?? "", one ?? "", idOf("msg")]
  const response = await client.chat.message.delete.$delete({ query: { chat_id: session.chat_id, message_id } })
  const { data } = await response.json()
  expect(data.deleted.toSorted()).toEqual([one ?? "", three ?? ""])
  expect(await seqsOf(app, `chat_id=${session.id}`)).toEqual([4, 2])
  expect(await app.db.orm.select().from(messages)).toHaveLength(4)
})

test("one message is deleted, and then it is not found", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const [row] = await insertMessages(app.db, session, 1)
  const path = `/chat/message/delete?chat_id=${session.id}&message_id=${row?.id}`
  expect((await app.ask("DELETE", path)).body.data).toEqual({ deleted: [row?.id] })
  const again = await app.ask("DELETE", path)
  expect([again.status, again.body.data.code]).toEqual([404, "not_found"])
})

test("a message of another session is not deleted through this one", async () => {
  await using app = await testApp()
  const [mine, other] = [await insertSession(app.db), await insertSession(app.db)]
  const [row] = await insertMessages(app.db, other, 1)
  const refused = await app.ask("DELETE", `/chat/message/delete?chat_id=${mine.id}&message_id=${row?.id}`)
  expect(refused.status).toBe(404)
  const kept = await app.db.orm
    .select()
    .from(messages)
    .where(eq(messages.id, row?.id ?? ""))
  expect(kept[0]?.deleted_at).toBeNull()
})

test("at most a hundred messages are deleted at once", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  await insertMessages(app.db, session, 1)
  const ids = (count: number) => Array.from({ length: count }, () => `message_id=${idOf("msg")}`).join("&")
  const path = (count: number) => `/chat/message/delete?chat_id=${session.id}&${ids(count)}`
  expect((await app.ask("DELETE", path(100))).status).toBe(404)
  expect((await app.ask("DELETE", path(101))).status).toBe(400)
})

test.each([
  "",
  "chat_id=",
  "chat_id=a%00b",
  "chat_id=a&chat_id=b",
  "chat_id=x&order=up",
  "chat_id=x&limit=0",
  "chat_id=x&is_bot=2",
  "chat_id=x&kind=audio",
  "chat_id=x&since=1",
])("a history of ?%s is refused", async (query) => {
  await using app = await testApp()
  const refused = await app.ask("GET", `/chat/message/history?${query}`)
  expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
})

test.each(["chat_id=x", `message_id=${idOf("msg")}`, "chat_id=x&message_id=1", "chat_id=x&message_id="])(
  "a deletion of ?%s is refused",
  async (query) => {
    await using app = await testApp()
    const refused = await app.ask("DELETE", `/chat/message/delete?${query}`)
    expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
  },
)
