// Server-sent events of a response, one after the other.
import { createParser, type EventSourceMessage } from "eventsource-parser"

export interface EventStream {
  /** The next one; undefined: the other side ended the stream. Rejects when it broke, or when `signal` aborts. */
  next(signal: AbortSignal): Promise<EventSourceMessage | undefined>
  /** Nothing more is wanted. */
  close(): void
}

/** Characters of one event. */
const largest = 8 * 1024 * 1024
/** Events that wait to be taken, before no more are read. */
const most = 1000

/** Reads at once what comes: Bun 1.4.5 discards what a connection that breaks had delivered and nobody has read. */
export function readEventStream(response: Response): EventStream {
  const waiting: EventSourceMessage[] = []
  let over = false
  let fault: unknown
  let arrived = () => {}
  let taken = () => {}
  const parser = createParser({
    maxBufferSize: largest,
    onEvent: (message) => waiting.push(message),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw error
    },
  })
  const reader = response.body?.getReader()

  const read = async () => {
    const decoder = new TextDecoder()
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      parser.feed(decoder.decode(part.value, { stream: true }))
      arrived()
      while (waiting.length > most && !over) await new Promise<void>((resolve) => (taken = resolve))
    }
  }
  read()
    .catch((error: unknown) => (fault = error ?? new Error("the stream broke")))
    .finally(() => {
      over = true
      arrived()
    })

  return {
    async next(signal) {
      for (;;) {
        signal.throwIfAborted()
        const message = waiting.shift()
        taken()
        if (message) return message
        if (fault !== undefined) throw fault
        if (over) return undefined
        await new Promise<void>((resolve) => {
          const done = () => {
            signal.removeEventListener("abort", done)
            resolve()
          }
          arrived = done
          signal.addEventListener("abort", done, { once: true })
        })
      }
    },
    close() {
      over = true
      taken()
      // It may be broken already; then there is nothing to be closed.
      reader?.cancel().catch(() => undefined)
    },
  }
}
