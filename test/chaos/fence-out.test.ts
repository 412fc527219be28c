// A frozen instance whose turn was taken over comes back and writes its answer: the fence keeps it out, and without the fence
// the checker sees a turn that ended twice.
import { expect, test } from "bun:test"
import type { Database } from "../../src/store/database.ts"
import { FakeClock } from "../support/clock.ts"
import { aLeaseLater } from "../support/lease-clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"
import { until } from "../support/until.ts"
import { answerTo } from "./bots.ts"
import { withoutFence } from "./sabotage.ts"
import { stage } from "./stage.ts"

const question = "stream 1"
const secret = "a secret for both instances, long enough to be one"
const same = (real: Database) => real

/** One instance stands still with a bot that has said nothing yet; the other takes its turn over; then the first goes on. */
async function frozenBeyondItsLease(sabotage: (real: Database) => Database): Promise<string[]> {
  await using sqld = await startSqld()
  const env = { DATABASE_URL: sqld.url, JWT_SECRET: secret }
  const start = Date.parse("2026-01-01T00:00:00.000Z")
  // For the frozen one no time passes; the other one lives after the end of its lease.
  const clocks = [new FakeClock(start), new FakeClock(start + 16_000)] as const
  const [bot, idle] = [scriptedHandler(), scriptedHandler()]
  await using frozen = await startTestServer({
    ...{ env, clock: clocks[0], database: sabotage },
    handlers: { scripted: bot.handler },
  })
  const instances = [frozen.url]
  using scene = stage({ instances, token: await frozen.token(), store: sqld.url })
  const phone = await scene.device("phone", 0)
  await phone.say(question, "m1")
  const run = await bot.run()

  await using other = await startTestServer({ env, clock: clocks[1], handlers: { scripted: idle.handler } })
  await aLeaseLater(clocks[1], sqld.url)
  instances.push(other.url)
  const laptop = await scene.device("laptop", 1)
  await until(() => laptop.chat.cursor === 2, "the turn taken over")
  await run.say(answerTo(question))
  run.done()
  return await scene.broken(5000, async () => {
    for (const clock of clocks) await clock.advance(300)
  })
}

test.skipIf(noSqld !== null)(
  "promise 5: a frozen instance whose lease is over writes nothing when it goes on: the checker is content",
  async () => {
    expect(await frozenBeyondItsLease(same)).toEqual([])
  },
  20_000,
)

test.skipIf(noSqld !== null)(
  "promise 5: with the fence taken out, the checker sees the turn that ended twice",
  async () => {
    const found = { count: 0 }
    const broken = await frozenBeyondItsLease((real) => withoutFence(real, found))
    expect(found.count).toBeGreaterThan(0)
    expect(broken).toContain("a turn ends once")
  },
  20_000,
)
