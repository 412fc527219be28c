// The lease under which this instance runs its turns (DESIGN: section 6), one for all of them. The only instance of a file has
// nobody to show one to.
import type { Clock } from "../clock.ts"
import type { Database } from "../store/database.ts"
import { dropOwnLeases, renewLease } from "../store/instances.ts"

/** Milliseconds. */
export const leaseFor = 15_000
export const renewEvery = 5_000
/** By then a turn is committed, or known not to be. */
export const commitWithin = 30_000

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
  /** Since when the lease has been kept. */
  #since: number | null = null
  /** When a turn was last given a lease of its own. */
  #own = Number.NEGATIVE_INFINITY

  constructor(deps: LeaseDeps) {
    this.#deps = deps
  }

  /** Where the store was away for so long that the instance counts as gone, the turn has a lease of its own. */
  ofTurn(): Lease {
    const { db, clock, instance } = this.#deps
    const now = clock.now()
    if (db.kind === "file" || now < this.#until) return { instance, lease_expires_at: null }
    this.#own = now
    return { instance, lease_expires_at: now + leaseFor }
  }

  /** Long enough for all others to have renewed theirs as well, if they live: what kept one from the store keeps others. */
  get steady(): boolean {
    const { db, clock } = this.#deps
    return db.kind === "file" || (this.#since !== null && clock.now() - this.#since >= leaseFor)
  }

  async renew(): Promise<void> {
    const { db, clock, instance } = this.#deps
    if (db.kind === "file") return
    const began = clock.now()
    // Frozen, perhaps all of them at once; or the one before has not been answered yet.
    if (began >= this.#until) this.#since = null
    try {
      await renewLease(db, instance, began + leaseFor)
    } catch (error) {
      this.#since = null
      throw error
    }
    this.#until = began + leaseFor
    this.#since ??= clock.now()
    if (began - this.#own <= commitWithin) await dropOwnLeases(db, instance)
  }
}
