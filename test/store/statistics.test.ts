import { expect, test } from "bun:test"
import { Statistics } from "../../src/protocol/rest-statistics.ts"
import { readStatistics } from "../../src/store/statistics.ts"
import { readGroups } from "../../src/store/statistics-groups.ts"
import { openTestDatabase } from "../http/database.ts"
import { insertMessages, insertSession, insertTurn, minute } from "../http/rows.ts"

test("the parts of each statistic add up to its total", async () => {
  await using db = await openTestDatabase()
  const types = ["NORMAL", "WORKFLOW", "ASSISTANT", "LINSIGHT"] as const
  const states = ["initialized", "running", "waiting_input", "completed", "interrupted", "ended"] as const
  for (const chat_type of types) {
    for (const state of states) {
      const session = await insertSession(db, { chat_type, state })
      await insertMessages(db, session, 3)
      await insertTurn(db, session, { state: "failed" })
    }
  }
  const statistics = Statistics.parse(await readStatistics(db, { owner: 1 }))
  const { sessions, messages, turns } = statistics
  expect(sessions.total).toBe(24)
  for (const part of [sessions.by_state, sessions.by_chat_type, sessions.by_lifecycle]) {
    expect(Object.values(part).reduce((sum, one) => sum + one, 0)).toBe(24)
  }
  expect(sessions.by_chat_type).toEqual({ NORMAL: 6, WORKFLOW: 6, ASSISTANT: 6, LINSIGHT: 6 })
  expect(messages).toEqual({ total: 72, by_people: 48, by_bots: 24 })
  expect(turns.by_state.failed).toBe(24)
})

test("a usage without parts, without a total, or of nothing is added as far as it goes", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db)
  const usages = [
    {},
    { total_tokens: 5 },
    { input_tokens: 1 },
    { input_tokens: 1, output_tokens: 2, total_tokens: 9 },
    null,
  ]
  await insertMessages(db, session, usages.length, (seq) => ({ usage: usages[seq - 1] ?? null }))
  const { usage } = await readStatistics(db, { owner: "anyone" })
  expect(usage).toEqual({ input_tokens: 2, output_tokens: 2, reasoning_tokens: 0, total_tokens: 15, cost: 0 })
})

test("times choose by what was made then, not by when its session was", async () => {
  await using db = await openTestDatabase()
  const session = await insertSession(db, { create_time: minute(0), update_time: minute(9) })
  await insertMessages(db, session, 9)
  await insertTurn(db, session, { create_time: minute(5) })
  const during = { owner: 1, since: minute(5), until: minute(7) } as const
  const { sessions, messages, turns } = await readStatistics(db, during)
  expect([sessions.total, messages.total, turns.by_state.completed]).toEqual([0, 2, 1])
})

test("everything is counted from sessions, by index, without sorting", async () => {
  await using db = await openTestDatabase()
  const plans = await db.plansOf(() => readStatistics(db, { owner: 1, since: minute(1) }))
  expect(plans).toHaveLength(4)
  for (const plan of plans) {
    expect(plan).toMatch(/^SEARCH sessions USING INDEX \w+ \(user_id=\?\)/)
    expect(plan).not.toContain("TEMP B-TREE")
    expect(plan).not.toContain("SCAN")
  }
})

test.each(["turn", "day", "user", "flow", "model"] as const)(
  "usage by %s is read from the owner's sessions, by index: nobody else's rows are looked at",
  async (group_by) => {
    await using db = await openTestDatabase()
    const plans = await db.plansOf(() => readGroups(db, { owner: 1 }, group_by, { after: "1", limit: 10 }))
    expect(plans).toHaveLength(1)
    expect(plans[0]).toMatch(
      /^SEARCH sessions USING INDEX \w+ \(user_id=\?\); SEARCH messages USING INDEX \w+ \(session_id=\?\)/,
    )
    expect(plans[0]).not.toContain("SCAN")
  },
)
