// Time for the client, passed in so that tests can move it; the service's own Clock fits as well. Nothing else in this
// folder may ask the machine for the time.

/** Undoes a timer; calling it twice is harmless. */
export type Cancel = () => void

export interface ClientClock {
  /** Milliseconds; only differences matter. */
  now(): number
  /** Runs `act` once, `ms` milliseconds from now. */
  after(ms: number, act: () => void): Cancel
}

export const systemClock: ClientClock = {
  now: () => Date.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
}
