// People come and go in crowds: after a restart everybody is back at once, and chats nobody looks at leave memory together.
// What moves in one turn of the loop shares a statement and a commit; one by one each was a flush of the disk (1 ms).
import type { Clock } from "../clock.ts"
import type { Lifecycle } from "../protocol/session.ts"
import type { Database } from "./database.ts"
import { moveLifecycles } from "./session-changes.ts"

interface Move {
  readonly id: string
  resolve(moved: boolean): void
  reject(error: unknown): void
}

export class LifecycleMoves {
  readonly #db: Database
  readonly #clock: Clock
  readonly #to: Lifecycle
  readonly #from: readonly Lifecycle[]
  #waiting: Move[] = []

  constructor(db: Database, clock: Clock, to: Lifecycle, from: readonly Lifecycle[]) {
    this.#db = db
    this.#clock = clock
    this.#to = to
    this.#from = from
  }

  /** Moves the session on; false when it was nowhere from where it may go there, or somebody else moved it just now. */
  move(id: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) this.#clock.soon(() => void this.#flush())
      this.#waiting.push({ id, resolve, reject })
    })
  }

  async #flush(): Promise<void> {
    const moves = this.#waiting
    this.#waiting = []
    try {
      const ids = moves.map(({ id }) => id)
      const moved = new Set(await moveLifecycles(this.#db, ids, this.#from, this.#to))
      // Of two that asked for the same, one did it.
      for (const { id, resolve } of moves) resolve(moved.delete(id))
    } catch (error) {
      for (const { reject } of moves) reject(error)
    }
  }
}
