// The store on a real libSQL server, over http, as when several instances share one.
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { ChatError } from "../../src/errors.ts"
import { migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { renewLease } from "../../src/store/instances.ts"
import { takeOver } from "../../src/store/take-over.ts"
import { Writer } from "../../src/store/writer.ts"
import { everything, openServerDatabase } from "../support/database.ts"
import { noSqld, type Sqld, startSqld } from "../support/sqld.ts"
import { type Opened, registerAppendProperty } from "./append-property.ts"
import { appendOf, endOf, openChat, questionOf } from "./appends.ts"
import { registerEventVerbs } from "./events-suite.ts"
import { registerInstanceVerbs } from "./instances-suite.ts"
import { registerSearch } from "./search-suite.ts"
import { registerTurnVerbs } from "./turns-suite.ts"

const here = `a libSQL server${noSqld === null ? "" : ` (skipped: ${noSqld})`}`

describe.skipIf(noSqld !== null)(here, () => {
  let server: Sqld

  beforeAll(async () => {
    server = await startSqld()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  /** The server without a row. */
  async function open(): Promise<Opened> {
    const db = await openServerDatabase(server.url)
    const tables = Object.keys(await everything(db))
    await db.client.batch(
      tables.map((table) => `delete from ${table}`),
      "write",
    )
    return {
      db,
      async [Symbol.asyncDispose]() {
        await db.close()
      },
    }
  }

  registerEventVerbs("over http", open)
  registerTurnVerbs("over http", open)
  registerInstanceVerbs("over http", open)
  registerSearch("over http", async () => {
    const it = await open()
    const anew =
      "update search_state set mark = 0, mark_session = null, mark_seq = null, swept_seq = 0, holder = null, lease_expires_at = 0"
    await it.db.client.batch([anew, "insert into search_index (search_index) values ('delete-all')"], "write")
    return it
  })
  registerAppendProperty("a libSQL server", open, { runs: 4, operations: 250, seed: 20_260_102 })

  test("instances that start at once bring the database up to date together", async () => {
    await using fresh = await startSqld()
    const opened = await Promise.all(
      Array.from({ length: 5 }, () => openDatabase({ database: { url: fresh.url }, data_dir: "-" })),
    )
    await Promise.all(opened.map((db) => migrateDatabase(db)))
    const [db] = opened
    if (!db) throw new Error("no database")
    const { rows } = await db.client.execute("select count(*) as applied from __drizzle_migrations")
    await openChat(db)
    for (const one of opened) one.close()
    const { entries } = await Bun.file(new URL("../../migrations/meta/_journal.json", import.meta.url)).json()
    expect(rows[0]?.applied).toBe(entries.length)
  })

  test("[P4.1] two instances that append to the same chats at once leave one order without holes", async () => {
    await using it = await open()
    using other = await openServerDatabase(server.url)
    const writers = [new Writer(it.db, systemClock), new Writer(other, systemClock)]
    const chats = await Promise.all(Array.from({ length: 5 }, () => openChat(it.db)))
    const appended = await Promise.all(
      Array.from({ length: 20 }, (_, round) =>
        writers.flatMap((writer) => chats.map((chat) => writer.append(round % 3 ? questionOf(chat) : appendOf(chat)))),
      ).flat(),
    )
    expect(appended.every(({ seqs }) => seqs.length === 1)).toBe(true)
    expect(appended.filter(({ turn_state }) => turn_state === "running")).toHaveLength(chats.length)
    const { events = [], sessions = [] } = await everything(it.db)
    for (const { id } of chats) {
      const seqs = events.filter(({ session_id }) => session_id === id).map(({ seq }) => seq)
      expect(seqs).toEqual(Array.from({ length: 40 }, (_, place) => place + 1))
      expect(sessions.find((row) => row.id === id)?.last_seq).toBe(40)
    }
  })

  test("[P3.3] the same message sent to two instances at once is taken by one of them", async () => {
    await using it = await open()
    using other = await openServerDatabase(server.url)
    const chat = await openChat(it.db)
    const send = (db: typeof other | typeof it.db) => {
      const guard = { once: { user_id: 1, client_id: "c-1" } }
      return new Writer(db, systemClock).append(questionOf(chat, { guard }, { client_id: "c-1" }))
    }
    const appended = await Promise.all([send(it.db), send(other)])
    expect(appended.map(({ seqs }) => seqs.length).toSorted()).toEqual([0, 1])
    expect((await everything(it.db)).messages).toHaveLength(1)
  })

  test("a turn that two instances of different processes want goes to one, and only it writes", async () => {
    await using it = await open()
    using other = await openServerDatabase(server.url)
    const chat = await openChat(it.db)
    const question = questionOf(chat)
    await new Writer(it.db, systemClock).append(question)
    const request = { now: 20_000, from: "gone" as const }
    for (const instance of ["ins_a", "ins_b"]) await renewLease(it.db, instance, 35_000)
    const taken = await Promise.all([
      takeOver(it.db, { ...request, instance: "ins_a" }),
      takeOver(other, { ...request, instance: "ins_b" }),
    ])
    expect(taken.map((rows) => rows.length).toSorted()).toEqual([0, 1])
    const ends = [1, 2].map((generation) => endOf(chat, { ...question.new_turn, generation }))
    const written = await Promise.all(ends.map((end) => new Writer(it.db, systemClock).append(end)))
    expect(written.map(({ seqs }) => seqs)).toEqual([[], [2, 3]])
  })

  test("a value that the server does not take fails alone, with `internal`", async () => {
    await using it = await open()
    const [big, small] = [await openChat(it.db), await openChat(it.db)]
    const writer = new Writer(it.db, systemClock)
    const outcomes = await Promise.all(
      [questionOf(big, {}, { message: "x".repeat(5_100_000) }), questionOf(small)].map((append) =>
        writer.append(append).then(
          ({ seqs }) => seqs,
          (error: unknown) => (error instanceof ChatError ? error.code : error),
        ),
      ),
    )
    expect(outcomes).toEqual(["internal", [1]])
  })

  test("a server that does not answer counts as away after a time; back again, everything works", async () => {
    await using frozen = await startSqld()
    using db = await openServerDatabase(frozen.url, 300)
    const chat = await openChat(db)
    const writer = new Writer(db, systemClock)
    frozen.freeze()
    const fault = await writer.append(appendOf(chat)).catch((error: unknown) => error)
    frozen.thaw()
    expect(fault).toMatchObject({ code: "store_unavailable", retry_after_ms: 1000 })
    // Whether the first one got through is not known; what comes next has the next place either way.
    const { seqs } = await writer.append(appendOf(chat))
    expect((await everything(db)).sessions?.[0]?.last_seq).toBe(Number(seqs[0]))
  })

  test("[promise 1] what was acked is there after the server was killed; while it is gone appends are refused", async () => {
    await using mortal = await startSqld()
    using db = await openServerDatabase(mortal.url)
    const chat = await openChat(db)
    const writer = new Writer(db, systemClock)
    for (let place = 0; place < 10; place++) await writer.append(questionOf(chat))
    await mortal.kill()
    const fault = await writer.append(questionOf(chat)).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: "store_unavailable" })
    await mortal.restart()
    expect((await everything(db)).events).toHaveLength(10)
    expect((await writer.append(questionOf(chat))).seqs).toEqual([11])
  })
})
