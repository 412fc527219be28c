import { expect, test } from "bun:test"
import { delay, systemClock, timestamp } from "../src/clock.ts"
import { FakeClock } from "./support/clock.ts"

test("a timestamp is ISO 8601 in UTC with milliseconds, so that text order is time order", () => {
  expect(timestamp(0)).toBe("1970-01-01T00:00:00.000Z")
  const instants = [0, 1, 999, 1000, 86_400_000, 1_767_225_600_123, 253_402_300_799_999]
  const texts = instants.map(timestamp)
  expect(texts.toSorted()).toEqual(texts)
  expect(texts.map((text) => Date.parse(text))).toEqual(instants)
})

test("the system clock runs what is due once, each, and soon", async () => {
  const done = Promise.withResolvers<void>()
  const happened: string[] = []
  const cancel = systemClock.every(1, () => {
    happened.push("every")
    if (happened.filter((what) => what === "every").length === 3) done.resolve()
  })
  systemClock.after(0, () => happened.push("after"))
  systemClock.soon(() => happened.push("soon"))
  systemClock.after(0, () => happened.push("never"))()
  await done.promise
  cancel()
  cancel()
  expect(new Set(happened)).toEqual(new Set(["soon", "after", "every"]))
  expect(happened.filter((what) => what === "after")).toHaveLength(1)
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000)
})

test("a time longer than a timer can hold does not fire at once, and can be cancelled", async () => {
  const happened: string[] = []
  const cancel = systemClock.after(40 * 86_400_000, () => happened.push("too early"))
  await new Promise<void>((resolve) => systemClock.after(30, resolve))
  expect(happened).toEqual([])
  cancel()
})

test("delay resolves when its time has come", async () => {
  const clock = new FakeClock()
  let over = false
  const waiting = delay(clock, 100).then(() => {
    over = true
  })
  await clock.advance(99)
  expect(over).toBe(false)
  await clock.advance(1)
  await waiting
  expect(clock.waiting).toBe(0)
})

test("delay resolves at once when its signal aborts, before or during, and leaves no timer and no listener", async () => {
  const clock = new FakeClock()
  const controller = new AbortController()
  const waiting = delay(clock, 100, controller.signal)
  expect(clock.waiting).toBe(1)
  controller.abort()
  await waiting
  await delay(clock, 100, controller.signal)
  expect(clock.waiting).toBe(0)
})
