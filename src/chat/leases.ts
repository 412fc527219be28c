// The leases under which this instance runs its turns (DESIGN: section 6).
import { type Clock, delay } from "../clock.ts"
import type { Database } from "../store/database.ts"
import { renewLeases } from "../store/turns.ts"

/** Milliseconds. */
export const leaseFor = 15_000
export const renewEvery = 5_000
/** All at once, thousands held up everybody's messages for a tenth of a second. */
const spreadOver = 2_000
const atOnce = 100
/** Each is a round trip, and the last of them has to come long before its leases are over. */
const mostParts = 20

interface LeaseDeps {
  readonly db: Database
  readonly clock: Clock
  readonly instance: string
  /** Whatever is left is renewed without pauses. */
  readonly hurry: AbortSignal
}

/**
 * Prolongs the leases of these turns, some at a time; returns the ids that are still held. Throws when it is not known of all
 * of them; the others are prolonged all the same.
 */
export async function keepLeases(
  { db, clock, instance, hurry }: LeaseDeps,
  ids: readonly string[],
): Promise<Set<string>> {
  const held = new Set<string>()
  const began = clock.now()
  let fault: unknown
  const size = Math.max(atOnce, Math.ceil(ids.length / mostParts))
  const pause = spreadOver / Math.ceil(ids.length / size)
  for (let from = 0; from < ids.length; from += size) {
    if (from > 0) await delay(clock, pause, hurry)
    const some = ids.slice(from, from + size)
    try {
      for (const id of await renewLeases(db, instance, some, clock.now() + leaseFor)) held.add(id)
    } catch (error) {
      fault ??= error
      // The next renewal is under way.
      if (clock.now() - began >= renewEvery) break
    }
  }
  if (fault !== undefined) throw fault
  return held
}
