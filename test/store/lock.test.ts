// An embedded database serves one process at a time, and the next one as soon as that is gone, however it went.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { holdLock, LockedError } from "../../src/store/lock.ts"
import { run, startService, temporaryFolder } from "../support/process.ts"

const sentence = (path: string) =>
  `The database ${path} cannot be opened: another process has it open (${path}.lock). ` +
  "A file serves one instance; for several, set DATABASE_URL to a libSQL server\n"

test("a lock is held once, in one process too, and free again when it is released", async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "x.lock")
  const lock = holdLock(path)
  expect(() => holdLock(path)).toThrow(LockedError)
  lock.release()
  holdLock(path).release()
})

test("a second service on the same file, and a command, are refused with one sentence and exit code 1", async () => {
  await using folder = await temporaryFolder()
  const env = { DATA_DIR: folder.path, PORT: "0" }
  await using _ = await startService({ env })
  const path = join(folder.path, "chat.db")
  expect(await run("main.ts", [], { env })).toEqual({ code: 1, out: "", err: sentence(path) })
  expect(await run("commands/migrate.ts", [], { env })).toEqual({ code: 1, out: "", err: sentence(path) })
})

test("the lock goes with a process that was killed with -9, and what it committed is there", async () => {
  await using folder = await temporaryFolder()
  const env = { DATA_DIR: folder.path }
  const first = await startService({ env })
  expect(() => openDatabase({ database: {}, data_dir: folder.path })).toThrow("another process has it open")
  first.kill("SIGKILL")
  await first.exited
  const db = await openDatabase({ database: {}, data_dir: folder.path })
  await migrateDatabase(db)
  await db.close()
  await using second = await startService({ env })
  expect((await fetch(`${second.url}/readyz`)).status).toBe(200)
})
