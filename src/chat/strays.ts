// Turns that the store has as this instance's and that it does not run.
import { commitWithin } from "./instance-lease.ts"

export class Strays {
  /** id -> milliseconds since the epoch. */
  #since = new Map<string, number>()

  /** Of those that are strays now: those that have been for so long that nobody here can be about to run them. */
  forLong(ids: Iterable<string>, now: number): string[] {
    this.#since = new Map(Array.from(ids, (id) => [id, this.#since.get(id) ?? now]))
    return [...this.#since].flatMap(([id, since]) => (now - since >= commitWithin ? id : []))
  }
}
