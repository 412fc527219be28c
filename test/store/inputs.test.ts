// Questions whose time is over are found without looking at all there ever were.
import { expect, test } from "bun:test"
import { newId } from "../../src/ids.ts"
import { expiredInputs } from "../../src/store/inputs.ts"
import { inputs } from "../../src/store/schema.ts"
import { openTestDatabase } from "../http/database.ts"
import { time } from "./appends.ts"

const at = (ms: number) => new Date(Date.parse(time) + ms).toISOString()

test("[P6.14] open questions whose time has come are found, the oldest first, by their index", async () => {
  await using db = await openTestDatabase()
  const insert = async (expires_at: string | null, closed_at: string | null = null) => {
    const id = newId("input")
    const row = { id, session_id: newId("session"), turn_id: newId("turn"), prompt: "Which?", fields: [] }
    await db.orm.insert(inputs).values({ ...row, answered_by: null, create_time: time, expires_at, closed_at })
    return id
  }
  const second = await insert(at(1000))
  const first = await insert(at(999))
  await insert(at(1001))
  await insert(null)
  await insert(at(1), at(1))
  const ids = async (limit: number) => (await expiredInputs(db, at(1000), limit)).map(({ id }) => id)
  expect(await ids(10)).toEqual([first, second])
  expect(await ids(1)).toEqual([first])
  expect(await db.plansOf(() => expiredInputs(db, at(1000), 10))).toEqual([
    "SEARCH inputs USING INDEX inputs_expiry (expires_at>? AND expires_at<?)",
  ])
})
