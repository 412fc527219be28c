// The body of an answer over HTTP, with a broken connection turned into an early end, so that what came before it is read.

/** Bytes that are read ahead; what is beyond waits at the service. */
const ahead = 16 * 1024 * 1024
/** Bytes of a line: whoever puts events together from lines keeps all of one in memory. */
const longestLine = 8 * 1024 * 1024
const newline = 10

type Bytes = Uint8Array

/** Reads at once what comes, since Bun 1.4.5 discards what a broken connection had delivered and nobody has read. */
export function endEarly(body: ReadableStream<Bytes>, note: (fault: unknown) => void): ReadableStream<Bytes> {
  const reader = body.getReader()
  let cancelled = false
  let wanted = () => {}
  let line = 0

  async function read(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    try {
      for (let part = await reader.read(); !part.done && !cancelled; part = await reader.read()) {
        const last = part.value.lastIndexOf(newline)
        line = last === -1 ? line + part.value.length : part.value.length - last - 1
        if (line > longestLine) throw new Error(`the service sent a line of more than ${longestLine} bytes`)
        controller.enqueue(part.value)
        while ((controller.desiredSize ?? 0) <= 0 && !cancelled)
          await new Promise<void>((resolve) => (wanted = resolve))
      }
    } catch (fault) {
      note(fault)
      // It may be broken already; then there is nothing to be closed.
      reader.cancel().catch(() => undefined)
    }
    if (!cancelled) controller.close()
  }

  return new ReadableStream<Bytes>(
    {
      start(controller) {
        void read(controller)
      },
      pull: () => wanted(),
      cancel(reason) {
        cancelled = true
        wanted()
        // Who cancels a connection that is broken already has what it wanted.
        return reader.cancel(reason).catch(note)
      },
    },
    { highWaterMark: ahead, size: (chunk) => chunk?.byteLength ?? 0 },
  )
}
