// Deltas that the bus lost, or that were sent before this instance listened: the checkpoint that the store has of the
// answer, at most a second old, closes the hole (P5.6).
import type { Clock } from "../clock.ts"
import type { Log } from "../log.ts"
import type { Progress } from "../protocol/server-frame.ts"
import type { Database } from "../store/database.ts"
import type { TurnRow } from "../store/schema.ts"
import { turnById } from "../store/turns.ts"
import type { Streams } from "./streams.ts"

export interface TextGapsDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly streams: Streams
  /** The store has more of the answer than came here. */
  found(turn: TurnRow): void
}

/** Milliseconds. A piece that is only late comes sooner. */
const lookEvery = 250

export class TextGaps {
  readonly #deps: TextGapsDeps
  /** Messages that are being looked for. */
  readonly #sought = new Set<string>()

  constructor(deps: TextGapsDeps) {
    this.#deps = deps
  }

  /** Looks until there is no hole any more, or the answer is over. */
  watch({ turn_id, message_id }: Pick<Progress, "turn_id" | "message_id">): void {
    const { clock, streams } = this.#deps
    if (this.#sought.has(message_id) || !streams.isBroken(message_id)) return
    this.#sought.add(message_id)
    clock.after(lookEvery, () => void this.#look({ turn_id, message_id }))
  }

  async #look(about: Pick<Progress, "turn_id" | "message_id">): Promise<void> {
    const { db, log, streams, found } = this.#deps
    try {
      const turn = streams.isBroken(about.message_id) ? await turnById(db, about.turn_id) : undefined
      if (turn) found(turn)
    } catch (error) {
      log.warn({ err: error, turn_id: about.turn_id }, "what was streamed elsewhere could not be read yet")
    }
    this.#sought.delete(about.message_id)
    this.watch(about)
  }
}
