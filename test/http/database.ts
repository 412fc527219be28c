// A migrated database of its own for each test, in a folder that goes with it; and the plan of each query it is asked.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Client } from "@libsql/client"
import { loadConfig } from "../../src/config.ts"
import { type Database, migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { withStoreErrors } from "../../src/store/faults.ts"
import { ormOf } from "../../src/store/orm.ts"

export interface TestDatabase extends Database, AsyncDisposable {
  readonly folder: string
  /** Runs `act` and gives SQLite's plan of each query it made. */
  plansOf(act: () => Promise<unknown>): Promise<string[]>
}

/** The client, telling each statement that it is given. */
function listening(client: Client, hear: (sql: string) => void): Client {
  const sqlOf = (statement: unknown): string =>
    typeof statement === "object" && statement !== null && "sql" in statement
      ? String(statement.sql)
      : String(statement)
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      return (...given: unknown[]) => {
        const [first] = given
        if (name === "execute" || name === "batch") for (const one of [first].flat()) hear(sqlOf(one))
        return Reflect.apply(value, target, given)
      }
    },
  })
}

export async function openTestDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-test-"))
  const db = await openDatabase({ ...loadConfig({}), database: { url: `file:${join(folder, "chat.db")}` } })
  await migrateDatabase(db)
  const asked: string[] = []
  const client = listening(db.client, (statement) => asked.push(statement))
  return {
    ...db,
    folder,
    client,
    orm: ormOf(withStoreErrors(client)),
    async plansOf(act) {
      asked.length = 0
      await act()
      const plans = asked.splice(0).map(async (sql) => {
        const args = Array.from(sql.matchAll(/\?/g), () => null)
        const steps = await db.client.execute({ sql: `explain query plan ${sql}`, args })
        return steps.rows.map((row) => String(row.detail)).join("; ")
      })
      return Promise.all(plans)
    },
    async [Symbol.asyncDispose]() {
      await db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
