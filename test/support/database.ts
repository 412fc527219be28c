// A migrated database of its own for each test, in a folder that goes with it; its rows, its batches, its plans.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Client, createClient, type InStatement } from "@libsql/client"
import { type Database, migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { ormOf } from "../../src/store/orm.ts"

export interface TestDatabase extends Database, AsyncDisposable {
  readonly folder: string
}

export async function openTestDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-test-"))
  const db = await openDatabase({ database: {}, data_dir: folder })
  await migrateDatabase(db)
  return {
    ...db,
    folder,
    async [Symbol.asyncDispose]() {
      await db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Opens another database on a server, migrated. */
export async function openServerDatabase(url: string, patience_ms?: number): Promise<Database & Disposable> {
  const options = patience_ms === undefined ? {} : { patience_ms }
  const db = await openDatabase({ database: { url }, data_dir: "never-made" }, options)
  await migrateDatabase(db)
  return { ...db, [Symbol.dispose]: () => db.close() }
}

export interface Watched extends Database {
  /** The write batches so far: their statements. */
  readonly batches: string[][]
  /** Statements outside batches. */
  readonly single: string[]
  /** Batches wait from now on, until the answer is called. */
  hold(): () => void
  /** Resolves when a batch waits because of `hold`. */
  held(): Promise<void>
}

/** The same database, telling what goes to it. */
export function watched(db: Database): Watched {
  const batches: string[][] = []
  const single: string[] = []
  let gate: Promise<void> = Promise.resolve()
  let arrived = Promise.withResolvers<void>()
  const client = new Proxy(db.client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      if (name === "batch")
        return async (statements: InStatement[], mode?: unknown) => {
          batches.push(statements.map(sqlOf))
          arrived.resolve()
          await gate
          return Reflect.apply(value, target, [statements, mode])
        }
      return (...given: unknown[]) => {
        if (name === "execute") single.push(sqlOf(given[0]))
        return Reflect.apply(value, target, given)
      }
    },
  })
  return {
    ...db,
    client,
    orm: ormOf(client),
    batches,
    single,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      arrived = Promise.withResolvers()
      return resolve
    },
    held: () => arrived.promise,
  }
}

function sqlOf(statement: unknown): string {
  const sql = typeof statement === "object" && statement !== null && "sql" in statement ? statement.sql : statement
  return String(sql)
}

/** SQLite's plan of a statement, a step a line. */
export async function planOf(db: Database, sql: string): Promise<string> {
  // A client of its own: an explained UPDATE stays open on its connection, and no batch could commit there (libsql 0.5.29).
  const client: Client = createClient({ url: `file:${db.label}` })
  try {
    const numbers = Array.from(sql.matchAll(/\?(\d*)/g), ([, number], place) => Number(number || place + 1))
    const args = Array.from({ length: Math.max(0, ...numbers) }, () => null)
    const { rows } = await client.execute({ sql: `explain query plan ${sql}`, args })
    return rows.map(({ detail }) => String(detail)).join("\n")
  } finally {
    client.close()
  }
}

const tables = ["sessions", "events", "messages", "turns", "inputs", "instances"]
/** Table -> rows. */
export type Everything = Record<string, Record<string, unknown>[]>

/** Every row there is, in the order of the keys. */
export async function everything(db: Pick<Database, "client">): Promise<Everything> {
  const results = await db.client.batch(
    tables.map((table) => `select * from ${table} order by ${table === "events" ? "session_id, seq" : "id"}`),
    "read",
  )
  const rows = results.map((result) => result.rows.map((row) => ({ ...row })))
  return Object.fromEntries(tables.map((table, place) => [table, rows[place] ?? []]))
}
