// A clock that stands still until the test moves it.
import type { Clock } from "../../src/clock.ts"

export interface ManualClock extends Clock {
  /** Resolves with the milliseconds of the first timer, when it has been set. */
  readonly waiting: Promise<number>
  /** Resolves when the next timer has been set. */
  armed(): Promise<void>
  advance(ms: number): void
}

/** Starts at the Unix epoch. */
export function createManualClock(): ManualClock {
  const timers = new Set<{ due: number; act: () => void }>()
  const first = Promise.withResolvers<number>()
  let next = Promise.withResolvers<void>()
  let now = 0
  return {
    waiting: first.promise,
    armed: () => next.promise,
    now: () => now,
    after(ms, act) {
      const timer = { due: now + ms, act }
      timers.add(timer)
      first.resolve(ms)
      next.resolve()
      next = Promise.withResolvers()
      return () => timers.delete(timer)
    },
    every: () => {
      throw new Error("no handler uses every()")
    },
    soon: queueMicrotask,
    advance(ms) {
      now += ms
      for (const timer of [...timers]) {
        if (timer.due > now || !timers.delete(timer)) continue
        timer.act()
      }
    },
  }
}
