// The store may be ahead of what an instance has heard: a replay from it does not say twice what the instance will hear later.
import { expect, test } from "bun:test"
import { FakeClock } from "../support/clock.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

test.skipIf(noSqld !== null)("[P5.2] an event that another instance stores during a replay comes once", async () => {
  await using sqld = await startSqld()
  const env = { DATABASE_URL: sqld.url, JWT_SECRET: "a secret for both instances, long enough to be one" }
  await using elsewhere = await startTestServer({ env })
  const writer = await elsewhere.connect({ chat: "c" })
  await writer.say("one")
  await writer.next("end")
  // It hears of other instances only when its clock is moved.
  const clock = new FakeClock(Date.now())
  await using here = await startTestServer({ env, clock })
  const first = await here.connect({ chat: "c" })
  await first.join()
  await writer.say("two")
  await writer.next("end")
  const reader = await here.connect({ chat: "c" })
  await reader.send({ type: "start", data: { cursor: 0 } })
  await reader.next("start", ({ data }) => "replayed" in data)
  await clock.advance(1000)
  await reader.next("end", ({ seq }) => seq === 6)
  // Its answer comes after all that was published before.
  await reader.say("three")
  expect(reader.events.map(({ seq }) => seq).slice(0, 6)).toEqual([1, 2, 3, 4, 5, 6])
  expect(new Set(reader.events.map(({ seq }) => seq)).size).toBe(reader.events.length)
})
