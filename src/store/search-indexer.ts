// Looks each second whether there is something for the search index, and does it in small steps with pauses between: the
// embedded database has one thread, and those who talk come first.
import { type Clock, delay } from "../clock.ts"
import type { Log } from "../log.ts"
import type { Database } from "./database.ts"
import { indexNext } from "./search-index.ts"

export interface IndexerDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly instance: string
}

/** Milliseconds. */
const lookEvery = 1000
/** Whoever was not heard of for so long no longer does it. */
const lease = 10_000
/** Between two steps: so many times as long as the step took, but at least so long. */
const pause = { times: 9, least: 20 }

/** Works until the answer is called; that resolves when the last step is over. */
export function startIndexer({ db, clock, log, instance }: IndexerDeps): () => Promise<void> {
  const over = new AbortController()
  let failed = false

  const work = async () => {
    while (!over.signal.aborted) {
      const began = clock.now()
      const identity = { instance, now: began, lease_expires_at: began + lease }
      const step = await indexNext(db, identity).catch((error: unknown) => {
        if (!failed) log.warn({ err: error }, "the search index could not be brought up to date; it is tried again")
        return "failed" as const
      })
      failed = step === "failed"
      const took = clock.now() - began
      await delay(clock, step === "more" ? Math.max(pause.least, took * pause.times) : lookEvery, over.signal)
    }
  }
  const working = work()
  return async () => {
    over.abort()
    await working
  }
}
