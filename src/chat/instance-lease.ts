// The lease under which this instance runs its turns (DESIGN: section 6), one for all of them.
import type { Clock } from "../clock.ts"
import type { Database } from "../store/database.ts"
import { dropOwnLeases, renewLease } from "../store/instances.ts"

/** Milliseconds. */
export const leaseFor = 15_000
export const renewEvery = 5_000

/** How a turn is written down that this instance is about to run. */
export interface Lease {
  readonly instance: string
  /** Milliseconds since the epoch; null: for as long as the instance has its own lease. */
  readonly lease_expires_at: number | null
}

interface LeaseDeps {
  readonly db: Database
  readonly clock: Clock
  readonly instance: string
}

export class InstanceLease {
  readonly #deps: LeaseDeps
  #until = 0
  /** Since when each renewal has worked. */
  #since: number | null = null
  /** Turns have been given a lease of their own. */
  #own = false

  constructor(deps: LeaseDeps) {
    this.#deps = deps
  }

  /** Where the store was away for so long that the instance counts as gone, the turn has a lease of its own. */
  ofTurn(): Lease {
    const { clock, instance } = this.#deps
    const now = clock.now()
    if (now < this.#until) return { instance, lease_expires_at: null }
    this.#own = true
    return { instance, lease_expires_at: now + leaseFor }
  }

  /** Long enough for all others to have renewed theirs as well, if they live: what kept one from the store keeps others. */
  get steady(): boolean {
    return this.#since !== null && this.#deps.clock.now() - this.#since >= leaseFor
  }

  async renew(): Promise<void> {
    const { db, clock, instance } = this.#deps
    const began = clock.now()
    try {
      await renewLease(db, instance, began + leaseFor)
    } catch (error) {
      this.#since = null
      throw error
    }
    this.#until = began + leaseFor
    this.#since ??= began
    if (!this.#own) return
    await dropOwnLeases(db, instance)
    this.#own = false
  }
}
