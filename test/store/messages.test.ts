import { expect, test } from "bun:test"
import fc from "fast-check"
import type { MessageFilter } from "../../src/store/messages.ts"
import { countMessages, listMessages } from "../../src/store/messages.ts"
import { messages } from "../../src/store/schema.ts"
import { openTestDatabase } from "../http/database.ts"
import { insertMessages, insertSession, messageRow, minute } from "../http/rows.ts"

test("a page begins after the message it is told, in either order", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db)
  const rows = await insertMessages(db, session, 5)
  const seqs = async (order: "asc" | "desc", after?: number) =>
    (await listMessages(db, session, {}, { order, after, limit: 2 })).map(({ seq }) => seq)
  expect(await listMessages(db, session, {}, { order: "asc", limit: 10 })).toEqual(rows)
  expect(await seqs("desc")).toEqual([5, 4])
  expect(await seqs("desc", 4)).toEqual([3, 2])
  expect(await seqs("desc", 1)).toEqual([])
  expect(await seqs("asc", 4)).toEqual([5])
  expect(await seqs("asc", 5)).toEqual([])
})

test("a session that is said to be another owner's has no messages", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db)
  await insertMessages(db, session, 1)
  const page = { order: "desc", limit: 10 } as const
  expect(await listMessages(db, { ...session, user_id: 2 }, {}, page)).toEqual([])
})

test("messages of deleted sessions are not counted, nor deleted messages", async () => {
  await using db = await openTestDatabase()
  const [kept, gone] = [await insertSession(db), await insertSession(db, { deleted_at: minute(1) })]
  await insertMessages(db, kept, 3, (seq) => (seq === 1 ? { deleted_at: minute(1) } : {}))
  await insertMessages(db, gone, 3)
  expect(await countMessages(db, { owner: 1 })).toBe(2)
  expect(await countMessages(db, { owner: 1, session_id: gone.id })).toBe(0)
  expect(await countMessages(db, { owner: 2, session_id: kept.id })).toBe(0)
  expect(await countMessages(db, { owner: "anyone" })).toBe(2)
})

test("whatever the filter, paging gives what filtering in memory gives, and the count agrees", async () => {
  await using db = await openTestDatabase()
  const row = fc.record({
    is_bot: fc.boolean(),
    kind: fc.constantFrom("text", "file"),
    // Clocks of instances differ: the order of times need not be the order of seq.
    at: fc.integer({ min: 0, max: 9 }),
    deleted: fc.boolean(),
  })
  const filter = fc.record(
    {
      is_bot: fc.boolean(),
      kind: fc.constantFrom("text", "file", "input"),
      since: fc.integer({ min: 0, max: 9 }).map(minute),
      until: fc.integer({ min: 0, max: 9 }).map(minute),
    },
    { requiredKeys: [] },
  )
  const page = fc.record({ order: fc.constantFrom("asc", "desc"), limit: fc.integer({ min: 1, max: 5 }) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 12 }),
      filter,
      page,
      async (made, chosen: MessageFilter, { order, limit }) => {
        const session = await insertSession(db)
        const rows = made.map(({ at, deleted, ...rest }, index) =>
          messageRow(session, {
            seq: index + 1,
            ...rest,
            create_time: minute(at),
            deleted_at: deleted ? minute(at) : null,
          }),
        )
        if (rows.length > 0) await db.orm.insert(messages).values(rows)
        const expected = rows.filter(
          (one) =>
            one.deleted_at === null &&
            (chosen.is_bot === undefined || one.is_bot === chosen.is_bot) &&
            (chosen.kind === undefined || one.kind === chosen.kind) &&
            (chosen.since === undefined || one.create_time >= chosen.since) &&
            (chosen.until === undefined || one.create_time < chosen.until),
        )
        const paged: typeof rows = []
        for (let after: number | undefined; ; after = paged.at(-1)?.seq) {
          const next = await listMessages(db, session, chosen, { order, after, limit })
          paged.push(...next)
          if (next.length < limit) break
        }
        expect(paged).toEqual(order === "asc" ? expected : expected.toReversed())
        expect(await countMessages(db, { ...chosen, owner: 1, session_id: session.id })).toBe(expected.length)
      },
    ),
    { numRuns: 200 },
  )
})

test("a page of the history is read in the order of an index from where it begins, whatever the filter", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db)
  const filters: MessageFilter[] = [{}, { is_bot: true }, { kind: "file" }, { since: minute(1) }, { until: minute(1) }]
  for (const filter of filters) {
    for (const order of ["asc", "desc"] as const) {
      const [plan] = await db.plansOf(() => listMessages(db, session, filter, { order, after: 9, limit: 20 }))
      expect(plan).toMatch(/^SEARCH messages USING INDEX \w+ \(session_id=\? AND (deleted_at=\? AND )?seq[<>]\?\)$/)
    }
  }
})

test("messages are counted from their sessions, by index", async () => {
  await using db = await openTestDatabase()
  const [ofUser] = await db.plansOf(() => countMessages(db, { owner: 1 }))
  expect(ofUser).toMatch(/^SEARCH sessions USING .*\(user_id=\?\); SEARCH messages USING .*\(session_id=\?/)
  const [ofChat] = await db.plansOf(() => countMessages(db, { owner: 1, session_id: "ses_1" }))
  expect(ofChat).toMatch(/^SEARCH sessions USING .*\(id=\?\); SEARCH messages USING .*\(session_id=\?/)
})
