// Files that came by the link of a question, from somebody who may do nothing else: held for that question, good for its answer
// alone, and gone when the answer that is kept does not have them.
import { type Cancel, type Clock, timestamp } from "../clock.ts"
import type { Log } from "../log.ts"
import type { Database } from "../store/database.ts"
import { deleteHeldOf, deleteOldest, deleteUnneeded, heldFiles, releaseFiles } from "../store/held-files.ts"
import type { FileRow } from "../store/schema.ts"
import type { FileKeeper, Keeping } from "./keeper.ts"
import type { Claim } from "./kind.ts"

export interface HeldDeps {
  readonly db: Database
  readonly keeper: FileKeeper
  readonly clock: Clock
  readonly log: Log
}

const hour = 3_600_000
/** Milliseconds for which a form may be sent again with its files, and after which they go: more, so that none goes meanwhile. */
const usable = 23 * hour
const kept = 24 * hour
const tidyEvery = hour / 6

export interface Room extends Keeping {
  readonly held_for: string
  /** How many files are held for the question; the oldest make room for a new one. */
  readonly room: number
}

export class HeldFiles {
  readonly #deps: HeldDeps

  constructor(deps: HeldDeps) {
    this.#deps = deps
  }

  /** As FileKeeper.keep. */
  async keep({ room, ...keeping }: Room, claim: Claim, chunks: AsyncIterable<Uint8Array>): Promise<FileRow> {
    const { db, keeper } = this.#deps
    const file = await keeper.keep(keeping, claim, chunks)
    await this.#forget(deleteOldest(db, keeping.held_for, room))
    return file
  }

  /** Those of `ids` that are held for this question, and so came by its link, in no order. */
  find(input_id: string, ids: readonly string[]): Promise<FileRow[]> {
    const { db, clock } = this.#deps
    return heldFiles(db, input_id, { ids, since: timestamp(clock.now() - usable) })
  }

  /** Takes these away, unless the answer has them. What cannot be done now is done by `tidy`. */
  async drop(input_id: string, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await this.#try(() => this.#forget(deleteHeldOf(this.#deps.db, input_id, ids)))
  }

  /**
   * What the kept answer has stays; what is held for a closed question goes, and what nobody came back for. Of this question, or
   * of any. What cannot be done now is done by the next.
   */
  async tidy(input_id?: string): Promise<void> {
    const { db, clock } = this.#deps
    await this.#try(async () => {
      await releaseFiles(db, input_id)
      await this.#forget(deleteUnneeded(db, { input_id, before: timestamp(clock.now() - kept) }))
    })
  }

  /** Begins at once: a crash may have come between an answer and its files. */
  startTidying(): Cancel {
    void this.tidy()
    return this.#deps.clock.every(tidyEvery, () => void this.tidy())
  }

  async #forget(deleted: Promise<readonly string[]>): Promise<void> {
    for (const id of await deleted) await this.#deps.keeper.deleteContent(id)
  }

  async #try(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#deps.log.warn({ err: error }, "files of a question's link are cleared later")
    }
  }
}
