// Bringing a database up to date: one of any earlier version keeps its rows, one of a later version is left alone.
import { expect, test } from "bun:test"
import { cp, readdir, rm, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { migrate } from "drizzle-orm/libsql/migrator"
import { type Database, migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { applyMigrations } from "../../src/store/migrations.ts"
import { everything, openTestDatabase } from "../support/database.ts"
import { temporaryFolder } from "../support/process.ts"
import { openChat } from "./appends.ts"

const migrations = join(import.meta.dir, "../../migrations")
type Journal = { entries: { when: number; tag: string }[] }
const journal: Journal = await Bun.file(join(migrations, "meta/_journal.json")).json()

async function tablesOf(db: Database): Promise<Record<string, string>> {
  const { rows } = await db.client.execute(
    "select name, sql from sqlite_schema where name not like '\\_\\_%' escape '\\'",
  )
  return Object.fromEntries(rows.map(({ name, sql }) => [String(name), String(sql)]))
}

for (const [applied, { tag }] of journal.entries.entries()) {
  test(`a database as it was before ${tag} is brought up to date, and keeps its rows`, async () => {
    await using folder = await temporaryFolder()
    const old = join(folder.path, "migrations")
    await cp(migrations, old, { recursive: true })
    await writeFile(
      join(old, "meta/_journal.json"),
      JSON.stringify({ ...journal, entries: journal.entries.slice(0, applied) }),
    )
    const db = await openDatabase({ database: {}, data_dir: folder.path })
    await migrate(db.orm, { migrationsFolder: old })
    // Rows of somebody else count as much as ours.
    await db.client.batch(["create table notes (text)", "insert into notes values ('kept')"], "write")
    if (applied > 0)
      await db.client.execute(
        "insert into inputs (id, session_id, turn_id, prompt, create_time) values ('i', 's', 't', 'p', 'now')",
      )
    await migrateDatabase(db)
    expect((await db.client.execute("select text from notes")).rows[0]?.text).toBe("kept")
    if (applied > 0) expect((await everything(db)).inputs).toMatchObject([{ id: "i", prompt: "p" }])
    await using fresh = await openTestDatabase()
    const { notes: _, ...tables } = await tablesOf(db)
    expect(tables).toEqual(await tablesOf(fresh))
    await db.close()
  })
}

test("a database of a later version is left alone and can be used", async () => {
  await using db = await openTestDatabase()
  await db.client.batch(
    [
      "alter table sessions add column mood text default 'new'",
      { sql: "insert into __drizzle_migrations (hash, created_at) values ('later', ?)", args: [Date.now() + 1e9] },
    ],
    "write",
  )
  const before = await tablesOf(db)
  await migrateDatabase(db)
  expect(await tablesOf(db)).toEqual(before)
  await openChat(db)
  expect((await everything(db)).sessions).toMatchObject([{ mood: "new" }])
})

test("the migrations are those of the schema: generating finds nothing to do", async () => {
  await using folder = await temporaryFolder()
  await cp(migrations, join(folder.path, "migrations"), { recursive: true })
  const root = join(import.meta.dir, "../..")
  const command = [process.execPath, "x", "--no-install", "drizzle-kit", "generate"]
  // drizzle-kit takes its folder from where it runs, and looks for itself from there.
  await Bun.write(join(folder.path, "package.json"), "{}")
  for (const name of ["node_modules", "src", "drizzle.config.ts"])
    await symlink(join(root, name), join(folder.path, name))
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: folder.path })
  expect([exitCode, String(stderr)]).toEqual([0, ""])
  expect(String(stdout)).toContain("No schema changes")
  expect((await readdir(join(folder.path, "migrations"))).toSorted()).toEqual((await readdir(migrations)).toSorted())
  await rm(join(folder.path, "node_modules"))
})

test("a database that is up to date is asked one question", async () => {
  await using db = await openTestDatabase()
  const asked: unknown[] = []
  const client = new Proxy(db.client, {
    get: (real, name) => (statement: unknown) => {
      asked.push(statement)
      return (Reflect.get(real, name) as (statement: unknown) => unknown).call(real, statement)
    },
  })
  await applyMigrations({ client, orm: db.orm })
  expect(asked).toEqual([expect.stringContaining("select created_at from __drizzle_migrations")])
})
