// Brings the tables up to date with migrations/. Mostly they are, and then one query says so: Drizzle's migrator, which reads
// all of the files and takes a quarter of the time until the socket listens, is loaded for a database that is behind.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Database } from "./database.ts"

const migrationsFolder = join(import.meta.dir, "../../migrations")

/** Applies what is missing of migrations/. Forward only; a database of a newer version is left as it is. */
export async function applyMigrations({ client, orm }: Pick<Database, "client" | "orm">): Promise<void> {
  if ((await newestApplied(client)) >= newestHere()) return
  const { migrate } = await import("drizzle-orm/libsql/migrator")
  await migrate(orm, { migrationsFolder })
}

/** As the migrator asks it. 0: none yet. */
async function newestApplied(client: Database["client"]): Promise<number> {
  try {
    const { rows } = await client.execute(
      "select created_at from __drizzle_migrations order by created_at desc limit 1",
    )
    return Number(rows[0]?.created_at ?? 0)
  } catch (error) {
    if (error instanceof Error && error.message.includes("no such table")) return 0
    throw error
  }
}

/** When the last one was made. No journal, no number: the migrator says what is wrong. */
function newestHere(): number {
  try {
    const journal: { entries: { when: number }[] } = JSON.parse(
      readFileSync(join(migrationsFolder, "meta/_journal.json"), "utf8"),
    )
    return Math.max(...journal.entries.map(({ when }) => when))
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
