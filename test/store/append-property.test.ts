// Group commit on a file, under random load.
import { openTestDatabase } from "../support/database.ts"
import { registerAppendProperty } from "./append-property.ts"

async function open() {
  const db = await openTestDatabase()
  return { db, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
}

registerAppendProperty("a file", open, { runs: 10, operations: 450, seed: 20_260_101 })
