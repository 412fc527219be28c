// The newest events of a chat as they were sent, so that most returning clients are served without the store.
const maxEvents = 256
const maxUnits = 262_144

export interface Sent {
  readonly seq: number
  readonly text: string
}

export class Ring {
  #sent: Sent[] = []
  #units = 0

  push(seq: number, text: string): void {
    this.#sent.push({ seq, text })
    this.#units += text.length
    while (this.#sent.length > maxEvents || (this.#units > maxUnits && this.#sent.length > 1)) {
      this.#units -= this.#sent.shift()?.text.length ?? 0
    }
  }

  clear(): void {
    this.#sent = []
    this.#units = 0
  }

  /** Everything after `cursor`, at most `limit` events; undefined when it does not reach back that far. */
  since(cursor: number, limit: number): readonly Sent[] | undefined {
    const first = this.#sent[0]
    if (!first || first.seq > cursor + 1) return undefined
    const from = cursor + 1 - first.seq
    return this.#sent.slice(from, from + limit)
  }
}
