// What may not be lost because the store is away for a while waits for it: the end of a turn, the start of the next.
import { type Clock, delay } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { Log } from "../log.ts"

export interface PatienceDeps {
  readonly clock: Clock
  /** Aborts when the instance closes its store: whoever takes over finishes it then. */
  readonly closing: AbortSignal
}

/** Milliseconds between two tries: from the first to the second, doubling. */
const pauses = { first: 250, longest: 5000 }

/** Does it again until the store is there. Rejects with what is no `store_unavailable`, and when the instance closes. */
export async function untilStored<T>(
  { clock, closing }: PatienceDeps,
  log: Log,
  what: string,
  act: () => Promise<T>,
): Promise<T> {
  for (let wait = pauses.first; ; wait = Math.min(wait * 2, pauses.longest)) {
    try {
      return await act()
    } catch (error) {
      if (closing.aborted || ChatError.within(error)?.code !== "store_unavailable") throw error
      log.warn({ err: error }, `${what} waits for the store`)
      await delay(clock, wait, closing)
    }
  }
}
