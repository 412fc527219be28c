import { openTestDatabase } from "../support/database.ts"
import { registerTurnVerbs } from "./turns-suite.ts"

registerTurnVerbs("a file", async () => {
  const db = await openTestDatabase()
  return { db, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
})
