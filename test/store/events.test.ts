import { openTestDatabase } from "../support/database.ts"
import { registerEventVerbs } from "./events-suite.ts"

registerEventVerbs("a file", async () => {
  const db = await openTestDatabase()
  return { db, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
})
