import { openTestDatabase } from "../support/database.ts"
import { registerSearch } from "./search-suite.ts"

registerSearch("in a file", async () => {
  const db = await openTestDatabase()
  return { db, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
})
