// A token bucket: `burst` at once, `rate` a second on average.
import type { Clock } from "../clock.ts"

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
    return (-this.#tokens / this.#rate) * 1000
  }

  /** How many bursts were sent over the limit. */
  get debt(): number {
    return Math.max(0, -this.#tokens / this.#burst)
  }
}
