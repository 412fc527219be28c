// Small writes that come in crowds: after a restart everybody is back at once, and chats nobody looks at leave memory together.
// Those of one moment share a statement and a commit, and what comes while one is under way goes into the next; one by one
// each was a flush of the disk, or a round trip.
import type { Clock } from "../clock.ts"

interface Waiting<Work, Result> {
  readonly work: Work
  resolve(result: Result): void
  reject(error: unknown): void
}

/** Rows in one statement: it holds up everybody else's writes for so long. */
const most = 500

export class Gathered<Work, Result> {
  readonly #clock: Clock
  readonly #act: (works: readonly Work[]) => Promise<readonly Result[]>
  readonly #waiting: Waiting<Work, Result>[] = []
  #busy = false

  /** `act` answers in the order of what it is given. */
  constructor(clock: Clock, act: (works: readonly Work[]) => Promise<readonly Result[]>) {
    this.#clock = clock
    this.#act = act
  }

  do(work: Work): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject })
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#busy || this.#waiting.length === 0) return
    this.#busy = true
    this.#clock.soon(() => void this.#flush())
  }

  async #flush(): Promise<void> {
    const taken = this.#waiting.splice(0, most)
    try {
      const results = await this.#act(taken.map(({ work }) => work))
      for (const [place, { resolve, reject }] of taken.entries()) {
        const result = results[place]
        if (result === undefined) reject(new Error("a write in a crowd was not answered"))
        else resolve(result)
      }
    } catch (error) {
      for (const { reject } of taken) reject(error)
    }
    this.#busy = false
    this.#wake()
  }
}
