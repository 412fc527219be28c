// The newest events of a chat as they were sent, so that most returning clients are served without the store.
const maxEvents = 256
const maxUnits = 262_144

export interface Sent {
  readonly seq: number
  readonly text: string
}

export class Ring {
  /** Without holes, from `#first` on: an object for each was a sixth of what a collection had to look at. */
  #texts: string[] = []
  #first = 0
  #units = 0

  /** `seq`: the one after the last. */
  push(seq: number, text: string): void {
    if (this.#texts.length === 0) this.#first = seq
    this.#texts.push(text)
    this.#units += text.length
    while (this.#texts.length > maxEvents || (this.#units > maxUnits && this.#texts.length > 1)) {
      this.#units -= this.#texts.shift()?.length ?? 0
      this.#first += 1
    }
  }

  clear(): void {
    this.#texts = []
    this.#units = 0
  }

  /** Everything after `cursor`, at most `limit` events; undefined when it does not reach back that far. */
  since(cursor: number, limit: number): readonly Sent[] | undefined {
    if (this.#texts.length === 0 || this.#first > cursor + 1) return undefined
    const from = cursor + 1 - this.#first
    return this.#texts.slice(from, from + limit).map((text, place) => ({ seq: cursor + 1 + place, text }))
  }
}
