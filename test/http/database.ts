// A migrated database of its own for each test, in a folder that goes with it; and the plan of each query it is asked.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { drizzle } from "drizzle-orm/libsql"
import { loadConfig } from "../../src/config.ts"
import { type Database, migrateDatabase, openDatabase } from "../../src/store/database.ts"
import * as schema from "../../src/store/schema.ts"

export interface TestDatabase extends Database, AsyncDisposable {
  /** Runs `act` and gives SQLite's plan of each query it made. */
  plansOf(act: () => Promise<unknown>): Promise<string[]>
}

export async function openTestDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-test-"))
  const db = openDatabase({ ...loadConfig({}), database: { url: `file:${join(folder, "chat.db")}` } })
  await migrateDatabase(db)
  const asked: { sql: string; args: unknown[] }[] = []
  const logger = { logQuery: (sql: string, args: unknown[]) => void asked.push({ sql, args }) }
  return {
    ...db,
    orm: drizzle(db.client, { schema, logger }),
    async plansOf(act) {
      asked.length = 0
      await act()
      const plans = asked.map(async ({ sql }) => {
        const steps = await db.client.execute({
          sql: `explain query plan ${sql}`,
          args: sql.match(/\?/g)?.map(() => null) ?? [],
        })
        return steps.rows.map((row) => String(row.detail)).join("; ")
      })
      return Promise.all(plans)
    },
    async [Symbol.asyncDispose]() {
      db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
