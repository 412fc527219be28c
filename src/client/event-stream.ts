// A queue read with `for await`: what is pushed waits until it is asked for, however slow the reader is.

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(reason: unknown): void
}

export class EventStream<T> implements AsyncIterableIterator<T, undefined> {
  readonly #ready: T[] = []
  readonly #waiting: Waiting<T>[] = []
  readonly #left: () => void
  #over: { readonly error: unknown } | null = null

  /** `left` is called once, when the stream is over. */
  constructor(left: () => void) {
    this.#left = left
  }

  push(item: T): void {
    if (this.#over) return
    const reader = this.#waiting.shift()
    if (reader) reader.resolve({ done: false, value: item })
    else this.#ready.push(item)
  }

  /** Ends the stream after what was pushed; with `error`, the reader's loop then throws it. */
  end(error: unknown = null): void {
    if (this.#over) return
    this.#over = { error }
    for (const reader of this.#waiting.splice(0)) {
      if (error === null) reader.resolve({ done: true, value: undefined })
      else reader.reject(error)
    }
    this.#left()
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#ready.length > 0) return Promise.resolve({ done: false, value: this.#ready.shift() as T })
    if (!this.#over) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    const { error } = this.#over
    if (error === null) return Promise.resolve({ done: true, value: undefined })
    this.#over = { error: null } // thrown once, as generators do
    return Promise.reject(error)
  }

  /** Called by `break`: what is left over is let go. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#ready.length = 0
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
