import { openTestDatabase } from "../support/database.ts"
import { registerInstanceVerbs } from "./instances-suite.ts"
import { registerTurnVerbs } from "./turns-suite.ts"

const open = async () => {
  const db = await openTestDatabase()
  return { db, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() }
}

registerTurnVerbs("a file", open)
registerInstanceVerbs("a file", open)
