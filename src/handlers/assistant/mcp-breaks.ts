// What becomes of a call when the stream that was to bring its answer breaks off: the library takes no notice, and waits for as
// long as a tool may take (@ai-sdk/mcp 2.0.99).

export const goneWords = "The server of this tool is gone; the call may or may not have had its effect."

interface Asked {
  readonly transport: "http" | "sse"
  /** What the library sent. */
  readonly body: unknown
  /** Gives up the connection. */
  close(): void
}

/** The response, with a word to those who wait where its events break off. */
export function told(response: Response, { transport, body, close }: Asked): Response {
  if (!isEventStream(response)) return response
  // Its one stream is the connection: when that is over, however it was, nothing more can be asked.
  if (transport === "sse") return ending(response, () => void close())
  const refusal = refusalOf(body)
  // A stream that answers nothing is opened again by the library.
  return refusal === undefined ? response : ending(response, (broken) => (broken ? refusal : undefined))
}

export function isEventStream({ headers }: Response): boolean {
  return headers.get("content-type")?.includes("event-stream") ?? false
}

/** In the place of the answer, for this call alone: others go on by streams of their own. */
function refusalOf(body: unknown): string | undefined {
  if (typeof body !== "string") return undefined
  const { id }: { id?: unknown } = JSON.parse(body)
  const error = { code: -32000, message: goneWords }
  return id === undefined ? undefined : `\n\ndata: ${JSON.stringify({ jsonrpc: "2.0", id, error })}\n\n`
}

/** A body that breaks off just ends, with what `end` gives as its last words. */
function ending(response: Response, end: (broken: boolean) => unknown): Response {
  const { body, status, statusText, headers } = response
  if (body === null) return response
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const pass = async () => {
    const passed = body.pipeTo(writable, { preventAbort: true, preventClose: true }).then(() => false)
    const last = end(await passed.catch(() => true))
    const writer = writable.getWriter()
    if (typeof last === "string") await writer.write(new TextEncoder().encode(last))
    await writer.close()
  }
  // Nobody reads it any more.
  pass().catch(() => undefined)
  return new Response(readable, { status, statusText, headers })
}
