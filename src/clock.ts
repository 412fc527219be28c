// Time as a value that is passed in: tests move it, nothing else may ask the machine for it.

/** Undoes a timer; calling it twice is harmless. */
export type Cancel = () => void

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Runs `act` once, `ms` milliseconds from now. */
  after(ms: number, act: () => void): Cancel
  /** Runs `act` each `ms` milliseconds until cancelled. */
  every(ms: number, act: () => void): Cancel
  /** Runs `act` when the input and output that is ready has been handled: the end of this turn of the event loop. */
  soon(act: () => void): void
}

/** A timer holds no more: a longer one would fire at once. */
const longest = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, act) {
    if (ms > longest) {
      let cancel = systemClock.after(longest, () => {
        cancel = systemClock.after(ms - longest, act)
      })
      return () => cancel()
    }
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
  every(ms, act) {
    const timer = setInterval(act, ms)
    return () => clearInterval(timer)
  },
  soon(act) {
    setImmediate(act)
  },
}

/** What happens within a millisecond shares one text, in memory as well. */
let last = { ms: Number.NaN, text: "" }

/** An instant as the service stores and sends it: ISO 8601, UTC, milliseconds, so that text order is time order. */
export function timestamp(ms: number): string {
  if (ms !== last.ms) last = { ms, text: new Date(ms).toISOString() }
  return last.text
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      cancel()
      signal?.removeEventListener("abort", done)
      resolve()
    }
    const cancel = clock.after(ms, done)
    signal?.addEventListener("abort", done, { once: true })
  })
}

/** Resolves when what was ready has been handled: for long work, that others may come between. */
export function othersFirst(clock: Pick<Clock, "soon">): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve))
}
