// Between one who is called back and one who reads: what is put in comes out in order, and who puts in too much waits.

export interface Queue<T> extends AsyncIterable<T> {
  /** Resolves when the reader has kept up. */
  put(item: T): Promise<void>
  /** Nothing more comes; what waits is read first. */
  close(): void
}

export function createQueue<T>(limit = 64): Queue<T> {
  const items: T[] = []
  let closed = false
  let wakeReader = () => {}
  let wakeWriters: (() => void)[] = []
  return {
    async put(item) {
      if (closed) return
      items.push(item)
      wakeReader()
      if (items.length >= limit) await new Promise<void>((resolve) => wakeWriters.push(resolve))
    },
    close() {
      closed = true
      wakeReader()
      for (const wake of wakeWriters) wake()
    },
    async *[Symbol.asyncIterator]() {
      while (true) {
        const item = items.shift()
        if (item !== undefined) {
          yield item
          continue
        }
        if (closed) return
        for (const wake of wakeWriters) wake()
        wakeWriters = []
        await new Promise<void>((resolve) => {
          wakeReader = resolve
        })
      }
    },
  }
}
