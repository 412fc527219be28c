import { expect, test } from "bun:test"
import { ChatError } from "../../src/errors.ts"
import { findSession, listSessions } from "../../src/store/sessions.ts"
import { openTestDatabase } from "../http/database.ts"
import { idOf, insertSession, minute } from "../http/rows.ts"

const mine = { owner: 1, named_by: 1 }

test("a session is found by its id or its name, by its owner only", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db)
  for (const ref of [session.id, session.chat_id]) {
    expect(await findSession(db, mine, ref)).toEqual(session)
    expect(await findSession(db, { owner: 2, named_by: 2 }, ref)).toBeUndefined()
  }
})

test("who reaches anyone's sessions finds them by id, and names by one owner", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db)
  const anyone = { owner: "anyone", named_by: 9 } as const
  expect(await findSession(db, anyone, session.id)).toEqual(session)
  expect(await findSession(db, anyone, session.chat_id)).toBeUndefined()
})

test("a deleted session is not found and not listed", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db, { deleted_at: minute(1) })
  expect(await findSession(db, mine, session.id)).toBeUndefined()
  expect(await findSession(db, mine, session.chat_id)).toBeUndefined()
  expect(await listSessions(db, { owner: 1 }, { limit: 10 })).toEqual([])
})

test("names and ids are values, never SQL", async () => {
  await using db = await openTestDatabase()
  await insertSession(db)
  for (const ref of ["' or 1=1 --", '" or ""="', "%", "*", idOf("ses", 0)]) {
    expect(await findSession(db, mine, ref)).toBeUndefined()
  }
})

test("a page begins after the session it is told, among equal times by id", async () => {
  await using db = await openTestDatabase()
  const rows = [await insertSession(db), await insertSession(db), await insertSession(db)]
  const [first, second, third] = rows
  const after = second ?? expect.unreachable()
  expect(await listSessions(db, { owner: 1 }, { limit: 2 })).toEqual([third, second] as typeof rows)
  expect(await listSessions(db, { owner: 1 }, { after, limit: 2 })).toEqual([first] as typeof rows)
})

test("a session is found by an index, with one row read for each name", async () => {
  await using db = await openTestDatabase()
  expect(await db.plansOf(() => findSession(db, mine, "name"))).toEqual([
    "SEARCH sessions USING INDEX sessions_owner_chat (user_id=? AND chat_id=?)",
  ])
  const byId = await db.plansOf(() => findSession(db, { owner: "anyone", named_by: 1 }, idOf("ses")))
  expect(byId[0]).toMatch(/^SEARCH sessions USING INDEX \w+ \(id=\?\)$/)
})

test("a page is read in the order of an index from where it begins, without sorting", async () => {
  await using db = await openTestDatabase()
  const after = { update_time: minute(1), id: idOf("ses") }
  const page = { after, limit: 20 }
  const owned = await db.plansOf(() => listSessions(db, { owner: 1, state: "running" }, page))
  expect(owned).toEqual(["SEARCH sessions USING INDEX sessions_owner_recent (user_id=? AND (update_time,id)<(?,?))"])
  const all = await db.plansOf(() => listSessions(db, { owner: "anyone" }, page))
  expect(all).toEqual(["SEARCH sessions USING INDEX sessions_recent ((update_time,id)<(?,?))"])
  const between = await db.plansOf(() =>
    listSessions(db, { owner: 1, since: minute(1), until: minute(2) }, { limit: 20 }),
  )
  expect(between).toEqual([
    "SEARCH sessions USING INDEX sessions_owner_recent (user_id=? AND update_time>? AND update_time<?)",
  ])
  const ofFlow = await db.plansOf(() => listSessions(db, { owner: "anyone", flow_id: "f" }, { limit: 20 }))
  expect(ofFlow[0]).toStartWith("SEARCH sessions USING INDEX sessions_flow (flow_id=?")
})

test("a database that does not answer is store_unavailable, with its fault as the cause", async () => {
  await using db = await openTestDatabase()
  db.client.close()
  const failed = await findSession(db, mine, "x").catch((error: unknown) => error)
  expect(ChatError.from(failed)).toMatchObject({ code: "store_unavailable", cause: expect.any(Error) })
})
