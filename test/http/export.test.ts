// GET /chat/message/export: a conversation as a file, made as it is sent.
import { expect, test } from "bun:test"
import { eq } from "drizzle-orm"
import { messages, sessions } from "../../src/store/schema.ts"
import { wholeChat } from "../../src/store/transcript.ts"
import { watched } from "../support/database.ts"
import { idOf, insertMessages, insertSession, messageRow } from "./rows.ts"
import { testApp } from "./support.ts"

test("[P6.19] a file in each format, with a name, that no browser guesses about", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db, { chat_id: "c", topic: "北京 'trip'" })
  await insertMessages(app.db, session, 2)
  const types = { md: "text/markdown", json: "application/json", html: "text/html" }
  for (const [format, type] of Object.entries(types)) {
    const { status, headers, text } = await app.ask("GET", `/chat/message/export?chat_id=c&branch=all&format=${format}`)
    expect([status, headers.get("Content-Type")]).toEqual([200, `${type}; charset=utf-8`])
    expect(headers.get("Content-Disposition")).toBe(
      `attachment; filename="_trip_.${format}"; filename*=UTF-8''${encodeURIComponent("北京 ")}%27trip%27.${format}`,
    )
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
    expect(headers.get("Content-Security-Policy")).toStartWith("default-src 'none'")
    expect(text.indexOf("message 1")).toBeGreaterThan(0)
    expect(text.indexOf("message 2")).toBeGreaterThan(text.indexOf("message 1"))
  }
  const refused = await app.ask("GET", "/chat/message/export?chat_id=c&format=pdf")
  expect([refused.status, refused.body.data.code]).toEqual([400, "bad_request"])
})

test("[P6.19] the branch of the head, in its order, with what joined a question, and without what was deleted", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db, { chat_id: "c" })
  const ids = Array.from({ length: 7 }, () => idOf("msg"))
  const [one, first, second, two, last, gone, other] = ids
  const row = (seq: number, id: string | undefined, is_bot: boolean, reply_to: string | undefined, over = {}) =>
    messageRow(session, { seq, id: id ?? "", is_bot, reply_to: reply_to ?? null, ...over })
  await app.db.orm.insert(messages).values([
    row(1, one, false, undefined),
    row(2, first, true, one),
    // Asked again, later than what followed the first answer.
    row(3, other, false, first),
    row(5, two, false, second),
    row(6, second, true, one),
    row(7, gone, true, two, { deleted_at: session.create_time }),
    row(8, last, false, gone),
  ])
  await app.db.orm
    .update(sessions)
    .set({ head: last ?? null, last_seq: 8 })
    .where(eq(sessions.id, session.id))
  const { text } = await app.ask("GET", "/chat/message/export?chat_id=c&format=json")
  const said = (JSON.parse(text) as { messages: { id: string }[] }).messages.map(({ id }) => id)
  expect(said).toEqual([one, second, two, last].map(String))
  const all = await app.ask("GET", "/chat/message/export?chat_id=c&format=json&branch=all")
  expect((JSON.parse(all.text) as { messages: unknown[] }).messages).toHaveLength(6)
})

test("[P6.19] a long conversation is read as it is taken, a page at a time, and whoever leaves stops the reading", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db, { chat_id: "c" })
  await insertMessages(app.db, session, 3000)
  const db = watched(app.db)
  const pages = wholeChat(db, { ...session, last_seq: 3000 })
  const first = await pages.next()
  expect(first.value).toHaveLength(50)
  expect(db.single).toHaveLength(1)
  await pages.return(undefined)
  await app.db.client.execute({
    sql: `update messages set reply_to = (select p.id from messages p where p.session_id = messages.session_id and p.seq = messages.seq - 1)
      where session_id = ?`,
    args: [session.id],
  })
  await app.db.client.execute({
    sql: "update sessions set head = (select id from messages where session_id = ?1 and seq = 3000) where id = ?1",
    args: [session.id],
  })
  const { text } = await app.ask("GET", "/chat/message/export?chat_id=c&format=json")
  const places = (JSON.parse(text) as { messages: { seq: number }[] }).messages.map(({ seq }) => seq)
  expect(places).toEqual(Array.from({ length: 3000 }, (_, place) => place + 1))
})
