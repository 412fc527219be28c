// Token buckets: `burst` at once, `rate` a second on average.
import type { Clock } from "./clock.ts"

export class RateLimit {
  readonly #clock: Clock
  readonly #rate: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor(clock: Clock, { rate, burst }: { rate: number; burst: number }) {
    this.#clock = clock
    this.#rate = rate
    this.#burst = burst
    this.#tokens = burst
    this.#at = clock.now()
  }

  /** Takes a token. 0: there was one. Else the milliseconds until there is one again. */
  take(): number {
    const now = this.#clock.now()
    // The time of day may be set back; that is nobody's debt.
    const passed = Math.max(0, now - this.#at)
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed / 1000) * this.#rate)
    this.#at = now
    this.#tokens -= 1
    if (this.#tokens >= 0) return 0
    // Frames over the limit are paid for as well, so that one who goes on regardless gets ever further into debt.
    // The next one costs a token as well, so it is welcome once there is a whole one.
    return ((1 - this.#tokens) / this.#rate) * 1000
  }

  /** How many bursts were sent over the limit. */
  get debt(): number {
    return Math.max(0, -this.#tokens / this.#burst)
  }
}

/** A bucket for each user, or whatever else is counted. Those that are full again are forgotten, so it does not grow with all who ever came. */
export class RateLimits<Key = number> {
  readonly #clock: Clock
  readonly #size: { rate: number; burst: number }
  readonly #limits = new Map<Key, { limit: RateLimit; fullAt: number }>()

  constructor(clock: Clock, size: { rate: number; burst: number }) {
    this.#clock = clock
    this.#size = size
  }

  /** As RateLimit.take, of this one. */
  take(key: Key): number {
    const now = this.#clock.now()
    for (const [other, { fullAt }] of this.#limits) {
      // In the order in which they were last taken from: the first that is not full ends the search.
      if (fullAt > now) break
      this.#limits.delete(other)
    }
    const limit = this.#limits.get(key)?.limit ?? new RateLimit(this.#clock, this.#size)
    const wait = limit.take()
    this.#limits.delete(key)
    this.#limits.set(key, { limit, fullAt: now + (this.#size.burst / this.#size.rate) * 1000 + wait })
    return wait
  }
}
