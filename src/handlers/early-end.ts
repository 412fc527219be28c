// The body of an answer over HTTP, with a broken connection turned into an early end, so that what came before it is read.

/** Reads at once what comes, since Bun 1.4.5 discards what a broken connection had delivered and nobody has read. */
export function endEarly(body: ReadableStream<Uint8Array>, note: (fault: unknown) => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let cancelled = false
  return new ReadableStream({
    async start(controller) {
      try {
        for (let read = await reader.read(); !read.done && !cancelled; read = await reader.read()) {
          controller.enqueue(read.value)
        }
      } catch (error) {
        note(error)
      }
      if (!cancelled) controller.close()
    },
    cancel(reason) {
      cancelled = true
      // Who cancels a connection that is broken already has what it wanted.
      return reader.cancel(reason).catch(note)
    },
  })
}
