// Between two instances nothing but the store: with the safety net everybody is right a moment later; without it the checker
// sees who is not.
import { expect, test } from "bun:test"
import type { Database } from "../../src/store/database.ts"
import { seeded } from "../support/random.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"
import { chaosBot } from "./bots.ts"
import { lossyBus } from "./lossy-bus.ts"
import { withoutSafetyNet } from "./sabotage.ts"
import { stage } from "./stage.ts"

const secret = "a secret for both instances, long enough to be one"
const same = (real: Database) => real

/** Each instance has a bus of its own, so neither hears of the other; and half of what it tells itself is lost. */
async function overALossyBus(sabotage: (real: Database) => Database, within_ms: number): Promise<string[]> {
  await using sqld = await startSqld()
  const start = (number: number) =>
    startTestServer({
      env: { DATABASE_URL: sqld.url, JWT_SECRET: secret },
      handlers: { chaos: chaosBot },
      bus: (real) => lossyBus(real, { rate: 0.5 }, seeded(number)),
      database: sabotage,
    })
  await using one = await start(1)
  await using other = await start(2)
  using scene = stage({ instances: [one.url, other.url], token: await one.token(), store: sqld.url })
  const phone = await scene.device("phone", 0)
  const laptop = await scene.device("laptop", 1)
  for (let said = 0; said < 4; said++) await (said % 2 ? laptop : phone).say(`stream ${said}`, `m${said}`)
  return await scene.broken(within_ms)
}

test.skipIf(noSqld !== null)(
  "promise 9: the bus may lose, the store may not: the checker is content",
  async () => {
    expect(await overALossyBus(same, 10_000)).toEqual([])
  },
  20_000,
)

test.skipIf(noSqld !== null)(
  "promise 9: without the safety net the checker sees devices that are not up to date",
  async () => {
    const asked = { count: 0 }
    const broken = await overALossyBus((real) => withoutSafetyNet(real, asked), 3000)
    expect(asked.count).toBeGreaterThan(0)
    expect(broken).toContain("quiet in time")
    expect(broken).toContain("each view is the whole log")
  },
  20_000,
)
