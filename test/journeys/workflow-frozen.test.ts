// An instance stands still in the middle of a graph for longer than its lease, another goes on, and then the first wakes up.
import { expect, test } from "bun:test"
import { appendFileSync } from "node:fs"
import { join } from "node:path"
import { FakeClock } from "../support/clock.ts"
import { effectsIn } from "../support/graphs/effects.ts"
import { aLeaseLater } from "../support/lease-clock.ts"
import { temporaryFolder } from "../support/process.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"
import { until } from "../support/until.ts"

test.skipIf(noSqld !== null)(
  "[P6.9] what a frozen instance still does in a graph changes nothing in the thread of the one that went on",
  async () => {
    await using folder = await temporaryFolder()
    await using sqld = await startSqld()
    const file = join(folder.path, "effects")
    const graph = join(import.meta.dir, "../support/graphs/gate.ts")
    const flows = [{ chat_type: "WORKFLOW", handler: "graph", options: { graph, config: { file } } }]
    const env = { DATABASE_URL: sqld.url, JWT_SECRET: "a secret for both instances, long enough to be one" }
    const start = Date.parse("2026-01-01T00:00:00.000Z")
    // For the frozen one no time passes; the other one lives after the end of its lease.
    await using frozen = await startTestServer({ env, flows, clock: new FakeClock(start) })
    const phone = await frozen.connect({ chat: "c1", query: { chat_type: "WORKFLOW" } })
    await phone.say("go", "m1")
    await until(() => effectsIn(file).includes("begun"), "the frozen one at work")

    const clock = new FakeClock(start + 16_000)
    await using other = await startTestServer({ env, flows, clock })
    await aLeaseLater(clock, sqld.url)
    const laptop = await other.connect({ chat: "c1" })
    await laptop.join({ cursor: 0 })
    await laptop.seen(3)
    expect(laptop.events.at(-1)?.data).toMatchObject({ state: "waiting_input", question: { prompt: "Well?" } })

    appendFileSync(file, "go\n")
    await until(() => effectsIn(file).includes("worked 1"), "the frozen one awake")
    await phone.settled()
    await frozen.stop()
    await laptop.ask({ type: "message", data: { kind: "input", answer: "yes" } })
    const { data: end } = await laptop.next("end", ({ data }) => data.state !== "waiting_input")
    expect(end).toMatchObject({ state: "completed" })
    const results = laptop.events.flatMap((frame) => (frame.type === "result" ? [frame.data.message] : []))
    expect(results.at(-1)).toBe("All: run 2,answered yes.")
  },
  20_000,
)
