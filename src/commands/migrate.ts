// bun run migrate: brings the database of the configuration up to date and leaves.
import { loadConfig } from "../config.ts"
import { migrateDatabase, openDatabase } from "../store/database.ts"
import { fail } from "./start-up.ts"

try {
  const db = await openDatabase(loadConfig())
  await migrateDatabase(db)
  await db.close()
  process.stdout.write(`${db.label} is up to date\n`)
} catch (error) {
  fail(error)
}
