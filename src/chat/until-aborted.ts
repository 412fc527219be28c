// Reads a plug-in's events for as long as they are wanted.

/** Ends when the signal aborts, even if the handler does not look at it. `left` is told when it has let go as well. */
export async function* untilAborted<T>(
  events: AsyncIterable<T>,
  signal: AbortSignal,
  left: (returned: Promise<unknown>) => void = () => undefined,
): AsyncGenerator<T> {
  const iterator = events[Symbol.asyncIterator]()
  let stop = () => {}
  const onAbort = () => stop()
  signal.addEventListener("abort", onAbort, { once: true })
  try {
    while (!signal.aborted) {
      // A promise for each event: racing them all against one would leave something of each in memory.
      const next = await new Promise<IteratorResult<T, unknown>>((resolve, reject) => {
        stop = () => resolve({ done: true, value: undefined })
        Promise.resolve(iterator.next()).then(resolve, reject)
      })
      if (next.done || signal.aborted) return
      yield next.value
    }
  } finally {
    signal.removeEventListener("abort", onAbort)
    // Not waited for: a handler that hangs in its last await must not keep the turn from ending. What it throws after
    // its end changes nothing any more; neither does a `return` that gives no promise.
    left(Promise.try(() => iterator.return?.()).catch(() => undefined))
  }
}
