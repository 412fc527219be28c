// A store that is away: whoever appends hears `store_unavailable`, and all is well again when it is back.
import { expect, test } from "bun:test"
import { rename } from "node:fs/promises"
import { join } from "node:path"
import { systemClock } from "../../src/clock.ts"
import { ChatError } from "../../src/errors.ts"
import { migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { loadChat } from "../../src/store/events.ts"
import { insertSessions } from "../../src/store/session-changes.ts"
import { releaseTurns } from "../../src/store/turns.ts"
import { Writer } from "../../src/store/writer.ts"
import { everything, openTestDatabase } from "../support/database.ts"
import { lockFile } from "../support/file-lock.ts"
import { temporaryFolder } from "../support/process.ts"
import { appendOf, openChat, questionOf } from "./appends.ts"

const faultOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "fulfilled",
    (error: unknown) => (error instanceof ChatError ? [error.code, error.retry_after_ms] : error),
  )

const away = ["store_unavailable", 1000]

test("while another process holds the file, appends and checkpoints are refused with store_unavailable, soon", async () => {
  await using db = await openTestDatabase()
  const writer = new Writer(db, systemClock)
  const chats = [await openChat(db), await openChat(db)]
  const before = await everything(db)
  await using _ = await lockFile(db.label)
  const began = performance.now()
  const checkpoint = { turn_id: "t", generation: 1, text: "", reasoning: "", checkpoint: null }
  const outcomes = await Promise.all(
    [...chats.map((chat) => writer.append(appendOf(chat))), writer.checkpoint(checkpoint)].map(faultOf),
  )
  expect(outcomes).toEqual([away, away, away])
  // Waiting for the lock blocks the event loop, so it waits for 50 ms only.
  expect(performance.now() - began).toBeLessThan(2000)
  // Reading goes on: the file is in WAL mode.
  expect(await everything(db)).toEqual(before)
})

test("after the lock is gone appends work again, without a hole (libsql-client-ts#352)", async () => {
  await using db = await openTestDatabase()
  const writer = new Writer(db, systemClock)
  const chat = await openChat(db)
  expect(await writer.append(appendOf(chat))).toEqual({ seqs: [1] })
  await using lock = await lockFile(db.label)
  for (let attempt = 0; attempt < 3; attempt++) expect(await faultOf(writer.append(appendOf(chat)))).toEqual(away)
  await lock.release()
  expect(await writer.append(appendOf(chat))).toEqual({ seqs: [2] })
  expect(await writer.append(questionOf(chat))).toEqual({ seqs: [3], turn_state: "running", reply_to: null })
})

test("a single statement that met the lock does not spoil the commits after it (libsql-client-ts#352)", async () => {
  await using db = await openTestDatabase()
  const writer = new Writer(db, systemClock)
  const chat = await openChat(db)
  await using lock = await lockFile(db.label)
  const outcomes = await Promise.allSettled([
    insertSessions(db, [{ ...chat, id: "ses_other", chat_id: "other" }]),
    releaseTurns(db, [{ id: "trn_1", generation: 1 }]),
    loadChat(db, chat.id),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"])
  await lock.release()
  expect(await writer.append(appendOf(chat))).toEqual({ seqs: [1] })
  expect(await insertSessions(db, [{ ...chat, id: "ses_other", chat_id: "other" }])).toEqual([true])
})

test("what runs on the connection that had to be given up is done on the new one", async () => {
  await using db = await openTestDatabase()
  const chat = await openChat(db)
  await using lock = await lockFile(db.label)
  // All wait for the one connection; the first meets the lock.
  const outcomes = await Promise.allSettled([
    db.client.batch(["update sessions set topic = 'x'"], "write"),
    ...Array.from({ length: 5 }, () => loadChat(db, chat.id)),
  ])
  const [batch, ...reads] = outcomes.map(({ status }) => status)
  expect(batch).toBe("rejected")
  expect(new Set(reads)).toEqual(new Set(["fulfilled"]))
  await lock.release()
})

test("the connection that takes the place of one that met the lock commits as durably (FULL, WAL)", async () => {
  await using db = await openTestDatabase()
  const writer = new Writer(db, systemClock)
  const chat = await openChat(db)
  {
    await using _ = await lockFile(db.label)
    expect(await faultOf(writer.append(appendOf(chat)))).toEqual(away)
  }
  expect((await db.client.execute("pragma synchronous")).rows[0]?.synchronous).toBe(2)
  expect((await db.client.execute("pragma journal_mode")).rows[0]?.journal_mode).toBe("wal")
})

test("a closed database refuses with store_unavailable; what was committed before is there when it is opened again", async () => {
  await using db = await openTestDatabase()
  const writer = new Writer(db, systemClock)
  const chat = await openChat(db)
  await writer.append(appendOf(chat))
  db.client.close()
  expect(await faultOf(writer.append(appendOf(chat)))).toEqual(away)
  await db.client.reconnect()
  expect(await writer.append(appendOf(chat))).toEqual({ seqs: [2] })
})

test("a file that is locked, and cannot be opened anew just then, is opened when it can be; the process lives on", async () => {
  await using folder = await temporaryFolder()
  const [here, elsewhere] = [join(folder.path, "data"), join(folder.path, "elsewhere")]
  const db = await openDatabase({ database: {}, data_dir: here })
  await migrateDatabase(db)
  const writer = new Writer(db, systemClock)
  const chat = await openChat(db)
  await using lock = await lockFile(db.label)
  await rename(here, elsewhere)
  for (let attempt = 0; attempt < 3; attempt++) expect(await faultOf(writer.append(appendOf(chat)))).toEqual(away)
  await lock.release()
  await rename(elsewhere, here)
  expect(await writer.append(appendOf(chat))).toEqual({ seqs: [1] })
  await db.close()
})
