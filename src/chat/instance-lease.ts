// The lease under which this instance runs its turns (DESIGN: section 6), one for all of them.
import type { Clock } from "../clock.ts"
import type { Database } from "../store/database.ts"
import { heldAmong, renewLease } from "../store/instances.ts"

/** Milliseconds. */
export const leaseFor = 15_000
export const renewEvery = 5_000

/** How a turn is written down that this instance is about to run. */
export interface Lease {
  readonly instance: string
  /** Milliseconds since the epoch; null: for as long as the instance has its own lease. */
  readonly lease_expires_at: number | null
}

interface Renewed {
  readonly lost: ReadonlySet<string>
  /** It worked the last time as well: whom the same fault kept from the store, others too, had the time to come back. */
  readonly steady: boolean
}

interface LeaseDeps {
  readonly db: Database
  readonly clock: Clock
  readonly instance: string
}

export class InstanceLease {
  readonly #deps: LeaseDeps
  #until = 0
  #renewed = false
  /** It was over, and what was lost meanwhile is not known yet. */
  #wasOver = false

  constructor(deps: LeaseDeps) {
    this.#deps = deps
  }

  /** Where the store was away for so long that the instance counts as gone, the turn has a lease of its own. */
  ofTurn(): Lease {
    const { clock, instance } = this.#deps
    const now = clock.now()
    return { instance, lease_expires_at: now < this.#until ? null : now + leaseFor }
  }

  /**
   * Prolongs the lease, and tells which of these turns were lost because it was over.
   */
  async renew(running: () => readonly string[]): Promise<Renewed> {
    const { db, clock, instance } = this.#deps
    const until = clock.now() + leaseFor
    const steady = this.#renewed
    this.#renewed = false
    const inTime = await renewLease(db, instance, until)
    this.#until = until
    this.#renewed = true
    this.#wasOver ||= !inTime
    if (!this.#wasOver) return { lost: new Set(), steady }
    // Before it is asked: one that starts meanwhile is not in the answer and is ours all the same.
    const ids = running()
    const held = await heldAmong(db, instance, ids)
    this.#wasOver = false
    return { lost: new Set(ids).difference(held), steady }
  }
}
