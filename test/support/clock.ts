// A clock that stands still until the test moves it. Timers fire in order; input and output stay real.
import type { Clock } from "../../src/clock.ts"
import { isFileThreadBusy } from "../../src/store/file-client.ts"

interface Timer {
  at: number
  readonly every: number | null
  readonly act: () => void
}

export class FakeClock implements Clock {
  #now: number
  readonly #timers = new Set<Timer>()

  constructor(now = Date.parse("2026-01-01T00:00:00.000Z")) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  after(ms: number, act: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: null, act })
  }

  every(ms: number, act: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: ms, act })
  }

  soon(act: () => void): void {
    setImmediate(act)
  }

  /** How many timers wait: a leak shows here. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Time passes and nothing happens: the process was frozen, or its host. */
  pass(ms: number): void {
    this.#now += ms
  }

  /** Moves the time and fires what is due, each at its own moment; lets input and output happen in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (let due = this.#next(end); due; due = this.#next(end)) {
      this.#now = Math.max(this.#now, due.at)
      if (due.every === null) this.#timers.delete(due)
      else due.at += due.every
      due.act()
      await turnOfTheLoop()
    }
    this.#now = end
    await turnOfTheLoop()
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
}

/** Lets everything that is ready happen; what a file is asked is ready in no time. */
export async function turnOfTheLoop(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve))
  while (isFileThreadBusy())
}
