// bun run migrate, as a deploy uses it.
import { expect, test } from "bun:test"
import { readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { openDatabase } from "../../src/store/database.ts"
import { everything } from "../support/database.ts"
import { run, temporaryFolder } from "../support/process.ts"

const file = "commands/migrate.ts"

test("makes the database and its tables, says so, and can be run again", async () => {
  await using folder = await temporaryFolder()
  const env = { DATA_DIR: join(folder.path, "data") }
  const said = { code: 0, out: `${join(folder.path, "data/chat.db")} is up to date\n`, err: "" }
  expect(await run(file, [], { env })).toEqual(said)
  expect(await run(file, [], { env })).toEqual(said)
  const db = await openDatabase({ database: {}, data_dir: env.DATA_DIR })
  expect((await everything(db)).sessions).toEqual([])
  await db.close()
})

test("takes DATABASE_URL, and makes no data_dir for it", async () => {
  await using folder = await temporaryFolder()
  const env = { DATABASE_URL: `file:${folder.path}/mine.db`, DATA_DIR: join(folder.path, "data") }
  expect(await run(file, [], { env })).toMatchObject({ code: 0, out: `${folder.path}/mine.db is up to date\n` })
  expect((await readdir(folder.path)).filter((name) => !name.startsWith("mine.db"))).toEqual([])
})

test("what is wrong is one sentence on standard error, with 1", async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "garbage.db")
  await writeFile(path, "This is no database at all. ".repeat(400))
  expect(await run(file, [], { env: { DATABASE_URL: `file:${path}` } })).toEqual({
    ...{ code: 1, out: "", err: `The database ${path} cannot be opened: file is not a database\n` },
  })
  const away = await run(file, [], { env: { DATABASE_URL: "http://127.0.0.1:9" } })
  expect([away.code, away.out]).toEqual([1, ""])
  expect(away.err).toMatch(/^The database 127\.0\.0\.1:9 cannot be used: [^\n]+\n$/)
})
