// Listens to a plug-in's events for as long as they are wanted. By callbacks: a generator around the handler's own took a tenth
// of what a delta costs.

/** `true`: nothing more is wanted. A promise is waited for before the next event is asked for. */
export type Heard = true | undefined | Promise<true | undefined>

export interface Hearing<T> {
  readonly signal: AbortSignal
  /** What it throws ends the hearing with it. */
  heard(event: T): Heard
  /** Is told when the handler has let go as well. */
  left?(returned: Promise<unknown>): void
}

/** Resolves when the events end, when enough was heard, and when the signal aborts, even if the handler does not look at it. */
export function hear<T>(events: AsyncIterable<T>, { signal, heard, left }: Hearing<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    const iterator = events[Symbol.asyncIterator]()
    let over = false
    const end = (settle: () => void) => {
      if (over) return
      over = true
      signal.removeEventListener("abort", stop)
      // Not waited for: a handler that hangs in its last await must not keep the turn from ending. What it throws after
      // its end changes nothing any more; neither does a `return` that gives no promise.
      const returned = Promise.try(() => iterator.return?.()).catch(() => undefined)
      left?.(returned)
      settle()
    }
    const stop = () => end(resolve)
    const fail = (fault: unknown) => end(() => reject(fault))
    const goOn = (enough: true | undefined) => (enough ? stop() : ask())
    const take = (next: IteratorResult<T, unknown>) => {
      if (over) return
      if (next.done) return stop()
      try {
        const enough = heard(next.value)
        if (enough instanceof Promise) enough.then(goOn, fail)
        else goOn(enough)
      } catch (fault) {
        fail(fault)
      }
    }
    const ask = () => {
      if (over) return
      try {
        Promise.resolve(iterator.next()).then(take, fail)
      } catch (fault) {
        fail(fault)
      }
    }
    signal.addEventListener("abort", stop, { once: true })
    if (signal.aborted) stop()
    else ask()
  })
}
