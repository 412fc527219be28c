// Opening the database: what is in force on it, and what the operator hears when it cannot be opened.
import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DatabaseError, migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { everything, openTestDatabase } from "../support/database.ts"
import { temporaryFolder } from "../support/process.ts"
import { openChat } from "./appends.ts"

async function faultOf(url: string | undefined, data_dir = "-"): Promise<string> {
  try {
    const db = await openDatabase({ database: url === undefined ? {} : { url }, data_dir })
    try {
      await migrateDatabase(db)
    } finally {
      await db.close()
    }
  } catch (error) {
    if (error instanceof DatabaseError) return error.message
    throw error
  }
  return "no fault"
}

test("[promise 1] a commit is on the disk when it returns: WAL and synchronous=FULL, on the connection that writes", async () => {
  await using db = await openTestDatabase()
  const pragma = async (name: string) => Object.values((await db.client.execute(`pragma ${name}`)).rows[0] ?? {})[0]
  expect(await pragma("journal_mode")).toBe("wal")
  expect(await pragma("synchronous")).toBe(2)
  const [, mode] = await db.client.batch(["update sessions set topic = 'x'", "pragma synchronous"], "write")
  expect(Object.values(mode?.rows[0] ?? {})[0]).toBe(2)
})

test("a lock is waited for 50 ms only, since waiting blocks the event loop", async () => {
  await using db = await openTestDatabase()
  expect((await db.client.execute("pragma busy_timeout")).rows[0]?.timeout).toBe(50)
})

test("the folder of the database is made, for its owner alone", async () => {
  await using folder = await temporaryFolder()
  const data_dir = join(folder.path, "new", "data")
  await (await openDatabase({ database: {}, data_dir })).close()
  expect((await stat(data_dir)).mode & 0o777).toBe(0o700)
  expect(existsSync(join(data_dir, "chat.db"))).toBe(true)
})

for (const name of ["with space", "100%", "a#b", "a?b", "%41", "数据", "a'b\"c", "a&b=c;d"]) {
  test(`a folder may be called ${JSON.stringify(name)}`, async () => {
    await using folder = await temporaryFolder()
    const data_dir = join(folder.path, name)
    const db = await openDatabase({ database: {}, data_dir })
    await migrateDatabase(db)
    await db.close()
    expect(db.label).toBe(join(data_dir, "chat.db"))
    expect((await readFile(join(data_dir, "chat.db"))).subarray(0, 15).toString()).toBe("SQLite format 3")
  })
}

test("DATABASE_URL is a URL: percent signs stand for what they encode, with two slashes less or with them", async () => {
  await using folder = await temporaryFolder()
  for (const url of [`file:${folder.path}/a%20b/c.db`, `file://${folder.path}/a%20b/c.db`]) {
    const db = await openDatabase({ database: { url }, data_dir: "-" })
    expect(db.label).toBe(join(folder.path, "a b/c.db"))
    await db.close()
  }
  expect(existsSync(join(folder.path, "a b/c.db"))).toBe(true)
})

test("what cannot be a database is refused with one sentence that names it", async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  await mkdir(at("folder.db"))
  await writeFile(at("garbage.db"), "This is no database at all. ".repeat(400))
  await writeFile(at("file"), "x")
  const faults = {
    folder: await faultOf(`file:${at("folder.db")}`),
    garbage: await faultOf(`file:${at("garbage.db")}`),
    below: await faultOf(`file:${at("file")}/chat.db`),
    dataDir: await faultOf(undefined, at("file")),
    nothing: await faultOf("file:"),
    query: await faultOf(`file:${at("q.db")}?mode=ro`),
    percent: await faultOf(`file:${at("%zz.db")}`),
    host: await faultOf("file://elsewhere/chat.db"),
    nowhere: await faultOf("file:/proc/none/chat.db"),
  }
  expect(faults).toEqual({
    folder: `The database ${at("folder.db")} cannot be opened: check that it is a file, and who may read and write it`,
    garbage: `The database ${at("garbage.db")} cannot be opened: file is not a database`,
    below: expect.stringContaining(`The database ${at("file")}/chat.db cannot be opened: `),
    dataDir: expect.stringContaining(`${at("file/chat.db")} cannot be opened: `),
    nothing: "DATABASE_URL: file: names no file",
    query: `DATABASE_URL: file:${at("q.db")}?mode=ro may name a file and nothing besides`,
    percent: expect.stringContaining(" cannot be opened: "),
    host: expect.stringContaining(" cannot be opened: "),
    nowhere: expect.stringContaining("/proc/none/chat.db cannot be opened: "),
  })
  for (const fault of Object.values(faults)) expect(fault).not.toContain("\n")
})

test("a file that cannot be opened is not left locked", async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "chat.db")
  await writeFile(path, "This is no database at all. ".repeat(400))
  const url = `file:${path}`
  expect(await faultOf(url)).toContain("file is not a database")
  await writeFile(path, "")
  expect(await faultOf(url)).toBe("no fault")
})

test("what cannot be a server is refused with one sentence, and without the token", async () => {
  const faults = [
    await faultOf("http://"),
    await faultOf("https://[bad"),
    await faultOf("libsql://?tls=0&authToken=secret"),
  ]
  for (const fault of faults) {
    expect(fault).toStartWith("DATABASE_URL is not the address of a libSQL server: ")
    expect(fault).not.toContain("secret")
  }
})

test("a server that is not there is named without its token, in one sentence", async () => {
  const db = await openDatabase({ database: { url: "http://127.0.0.1:9", auth_token: "secret" }, data_dir: "-" })
  expect(db.label).toBe("127.0.0.1:9")
  const fault = await migrateDatabase(db).catch((error: unknown) => error)
  expect(fault).toBeInstanceOf(DatabaseError)
  expect(String(fault)).toStartWith("DatabaseError: The database 127.0.0.1:9 cannot be used: ")
  expect(String(fault)).not.toMatch(/secret|\n/)
})

test("the same file under two names has one lock", async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, "real"))
  await symlink(join(folder.path, "real"), join(folder.path, "other"))
  const db = await openDatabase({ database: {}, data_dir: join(folder.path, "real") })
  expect(await faultOf(undefined, join(folder.path, "other"))).toContain("another process has it open")
  await db.close()
  expect(await faultOf(undefined, join(folder.path, "other"))).toBe("no fault")
})

test("opened again, the rows are there; migrating again changes nothing", async () => {
  await using folder = await temporaryFolder()
  const first = await openDatabase({ database: {}, data_dir: folder.path })
  await migrateDatabase(first)
  await openChat(first)
  const rows = await everything(first)
  await first.close()
  const again = await openDatabase({ database: {}, data_dir: folder.path })
  await migrateDatabase(again)
  await migrateDatabase(again)
  expect(await everything(again)).toEqual(rows)
  await again.close()
})

test("a row has its values by name and by place, also where a column is called as a place is, or length", async () => {
  await using db = await openTestDatabase()
  const { rows } = await db.client.execute("select 'a' as x, 'b' as y, 'c' as z")
  expect([rows[0]?.x, rows[0]?.[2], rows[0]?.length]).toEqual(["a", "c", 3])
  const [one] = (await db.client.execute("select 1")).rows
  expect([one?.[0], one?.["1"], one?.length]).toEqual([1, 1, 1])
  const [odd] = (await db.client.execute("select 'a' as length, 'b' as '0'")).rows
  expect([odd?.[0], odd?.[1], odd?.length]).toEqual(["a", "b", 2])
})
