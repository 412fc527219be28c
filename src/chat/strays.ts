// Turns that the store has as this instance's and that it does not run.
import type { Held } from "../store/turns.ts"

/** Milliseconds. What an instance has asked the store for it has heard of by then: a request that hangs is given up earlier. */
const patience = 30_000

export class Strays {
  #since = new Map<string, Held & { readonly since: number }>()

  /** Of those that are strays now (id -> generation): those that have been for so long that nobody will run them any more. */
  of(strays: ReadonlyMap<string, number>, now: number): Held[] {
    const since = new Map<string, Held & { readonly since: number }>()
    for (const [id, generation] of strays) {
      const before = this.#since.get(id)
      since.set(id, before?.generation === generation ? before : { id, generation, since: now })
    }
    this.#since = since
    return [...since.values()]
      .filter((stray) => now - stray.since >= patience)
      .map(({ id, generation }) => ({ id, generation }))
  }
}
