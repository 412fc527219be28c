// The plan of a chaos run: the same for the same seed, within its bounds, and with everything in it.
import { expect, test } from "bun:test"
import { planOf } from "./plan.ts"

const options = { seed: 7, length_ms: 600_000, instances: 3, devices: 15 }

test("the same seed gives the same faults, another seed others", () => {
  expect(planOf(options)).toEqual(planOf(options))
  expect(planOf({ ...options, seed: 8 })).not.toEqual(planOf(options))
})

test("every fault is over before the run is, and hits what there is", () => {
  for (let seed = 0; seed < 20; seed++) {
    for (const planned of planOf({ ...options, seed, length_ms: 60_000 })) {
      expect(planned.at + planned.lasts_ms).toBeLessThan(60_000)
      if ("instance" in planned) expect([0, 1, 2]).toContain(planned.instance)
      if ("devices" in planned) expect(Math.max(-1, ...planned.devices)).toBeLessThan(15)
    }
  }
})

test("in a long run every kind of fault has its turn, and no track has two at a time", () => {
  const plan = planOf(options)
  const kinds = new Set(plan.map((one) => ("fault" in one ? `${one.act} ${one.fault.kind}` : one.act)))
  expect([...kinds].sort()).toMatchInlineSnapshot(`
    [
      "bus_wire black_hole",
      "bus_wire latency",
      "bus_wire refuse",
      "device_wire black_hole",
      "device_wire cut_after",
      "device_wire half_open",
      "device_wire latency",
      "device_wire refuse",
      "device_wire slow_read",
      "freeze",
      "freeze_replica",
      "freeze_store",
      "kill",
      "kill_bus",
      "kill_replica",
      "kill_store",
      "lossy_bus",
      "move",
      "roll",
      "store_wire black_hole",
      "store_wire cut_after",
      "store_wire latency",
      "store_wire lost_answer",
      "store_wire refuse",
    ]
  `)
  for (const acts of [
    ["kill", "freeze", "roll"],
    ["kill_bus", "lossy_bus", "bus_wire"],
  ]) {
    const track = plan.filter(({ act }) => acts.includes(act))
    for (const [place, { at }] of track.entries()) {
      const before = track[place - 1]
      if (before) expect(at).toBeGreaterThanOrEqual(before.at + before.lasts_ms)
    }
  }
})
