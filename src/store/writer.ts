// Group commit: one batch in flight; what arrives meanwhile goes into the next. One disk flush or one round trip to the
// primary serves everybody who waits, and a chat's appends keep their order.
import type { Clock } from "../clock.ts"
import type { Append } from "./append.ts"
import { AppendLines, batchSize, batchUnits } from "./append-lines.ts"
import type { Appended } from "./appended.ts"
import { Batch, type WaitingCheckpoint } from "./batch.ts"
import type { Database } from "./database.ts"
import { isStatementFault, storeError } from "./faults.ts"
import type { Checkpoint } from "./turns.ts"

export class Writer {
  readonly #db: Database
  readonly #clock: Clock
  readonly #appends = new AppendLines()
  /** By turn: a newer checkpoint takes the place of one that has not left yet. */
  readonly #checkpoints = new Map<string, WaitingCheckpoint>()
  #busy = false

  constructor(db: Database, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** Resolves after the commit. Rejects with `store_unavailable` when it is not known to have happened. */
  append(append: Append): Promise<Appended> {
    return this.appendPlanned(append.session_id, () => append, { informed: false })
  }

  /**
   * As `append`; `plan` is called when it is this one's turn. `informed`: not before all is known that was appended to the
   * session until then.
   */
  appendPlanned(session_id: string, plan: () => Append, { informed } = { informed: true }): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.#appends.add(session_id, { work: plan, informed, resolve, reject })
      this.#wake()
    })
  }

  /** Keeps what a turn streamed so far. False: the turn is no longer ours (or a newer checkpoint took its place). */
  checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const before = this.#checkpoints.get(checkpoint.turn_id)
      // Of an earlier run of the same turn: that one is over, and this one's may not be lost to it.
      if (before && before.work.generation > checkpoint.generation) return resolve(false)
      before?.resolve(true)
      this.#checkpoints.set(checkpoint.turn_id, { work: checkpoint, resolve, reject })
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#busy) return
    this.#busy = true
    // The end of this turn of the loop, so that everything that came in with it shares the commit.
    this.#clock.soon(() => void this.#work())
  }

  async #work(): Promise<void> {
    let batch = this.#take()
    let before: ReadonlySet<string> = new Set()
    let tell = () => {}
    while (batch.size > 0) {
      const answer = this.#perform(batch)
      // The database does not wait for us: while this batch is under way, those of the one before hear what came of theirs, and
      // the next is made, if it is full already; else more may come. They hear of it when this here is through.
      tell()
      const next = this.#appends.size >= batchSize ? this.#take(batch.sessions.union(before)) : undefined
      next?.make()
      tell = await answer
      before = batch.sessions
      batch = next ?? this.#take(batch.sessions)
    }
    tell()
    this.#busy = false
    if (this.#appends.size > 0 || this.#checkpoints.size > 0) this.#wake()
  }

  /** In the chats of `untold` something was appended, and nobody knows yet. */
  #take(untold: ReadonlySet<string> = new Set()): Batch {
    const lines = this.#appends.take(untold)
    const checkpoints = fitting([...this.#checkpoints.values().take(batchSize)])
    for (const { work } of checkpoints) this.#checkpoints.delete(work.turn_id)
    return new Batch(lines, checkpoints)
  }

  /** Resolves when the database has answered, with what tells those who wait. */
  async #perform(batch: Batch): Promise<() => void> {
    try {
      const results = await this.#db.client.batch(batch.statements, "write")
      const alone = batch.refusedTogether(results)
      if (!alone) return () => batch.settle(results)
      // The others need not wait for it, and those that came before in its chat hear of theirs first.
      batch.settle(results)
      return await this.#perform(alone)
    } catch (error) {
      // Unless the database is out of reach, one of them is to blame: let it fail alone.
      if (batch.size === 1 || !isStatementFault(error)) batch.reject(storeError(error))
      else for (const one of batch.apart()) (await this.#perform(one))()
      return () => {}
    }
  }
}

/** The first of `waiting` that one batch can hold; at least one, however large it is. */
function fitting(waiting: readonly WaitingCheckpoint[]): WaitingCheckpoint[] {
  let units = 0
  const beyond = waiting.findIndex(({ work: { text, reasoning } }, place) => {
    units += text.length + reasoning.length
    return place > 0 && units > batchUnits
  })
  return waiting.slice(0, beyond === -1 ? undefined : beyond)
}
