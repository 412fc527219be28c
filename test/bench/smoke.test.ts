// The benchmark measures what it says: each measure runs to its end, with counts that are done in a moment. What the
// figures are is not asked here.
import { describe, expect, test } from "bun:test"
import { natsServer } from "../support/nats.ts"
import { noSqld } from "../support/sqld.ts"
import type { measures as byName } from "./measure.ts"
import { crossInstance } from "./measures/cross-instance.ts"
import { durableFile } from "./measures/durable.ts"
import { fanOut } from "./measures/fan-out.ts"
import { history } from "./measures/history.ts"
import { idle } from "./measures/idle.ts"
import { start } from "./measures/start.ts"
import { storm } from "./measures/storm.ts"
import { streaming } from "./measures/streaming.ts"
import { judge, tableOf } from "./table.ts"

const small: Record<string, (typeof byName)[string]> = {
  "fan-out": () => fanOut({ sockets: 3, single: 3, bursts: 1 }),
  streaming: () => streaming({ chats: 2, deltas: 5 }),
  "durable-file": () => durableFile({ sockets: 2, chats: 2, each: 5, turns: 2 }),
  idle: () => idle({ before: 2, connections: 3 }),
  storm: () => storm({ clients: 4, chats: 2, behind: 10 }),
  history: () => history({ few: 200, many: 400, requests: 10 }),
  start: () => start(1),
}
if (natsServer && !noSqld) small["cross-instance"] = () => crossInstance({ chats: 1, deltas: 2, messages: 2 })

describe("the benchmark", () => {
  for (const [name, measure] of Object.entries(small)) {
    test(`${name} gives figures`, async () => {
      const rows = await measure()
      expect(rows.length).toBeGreaterThan(0)
      for (const { value, note } of rows) if (note === undefined) expect(value).toBeNumber()
    }, 30_000)
  }

  test("a row is judged by its target, and says so", () => {
    const row = { measure: "m", what: "w", unit: "ms" }
    const rows = [
      { ...row, value: 1.234567, target: { at_most: 1 } },
      { ...row, value: 2, target: { at_least: 1 } },
      { ...row, value: null, target: { at_least: 1 }, note: "there is no node on this machine" },
    ].map(judge)
    expect(rows.map(({ value, met }) => [value, met])).toEqual([
      [1.23, false],
      [2, true],
      [null, undefined],
    ])
    expect(tableOf(rows).split("\n").slice(1, 4)).toEqual([
      expect.stringMatching(/1\.23 .*<= 1 .*MISSED$/),
      expect.stringMatching(/2 .*>= 1 .*met$/),
      expect.stringMatching(/- .*there is no node on this machine$/),
    ])
  })
})
