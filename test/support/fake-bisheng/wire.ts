// How Bisheng writes: envelopes with HTTP 200, Python's JSON with spaces, event streams cut wherever a network cuts them.

/** As Python's json.dumps(ensure_ascii=False) writes it. */
export function dumps(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumps).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}: ${dumps(inner)}`).join(", ")}}`
}

/** Business errors are answers of HTTP 200 as well. */
export function envelope(status_code: number, status_message: unknown, data: unknown = null): Response {
  return new Response(dumps({ status_code, status_message, data }), { headers: { "content-type": "application/json" } })
}

export function success(data: unknown): Response {
  return envelope(200, "SUCCESS", data)
}

/** A body of the wrong shape: status_message is pydantic's list, and repeats what was sent. */
export function invalid(loc: readonly PropertyKey[], msg: string, input: unknown): Response {
  return envelope(422, [{ type: "value_error", loc: ["body", ...loc.map(String)], msg, input }])
}

/** Lost to the reader: the connection breaks here. */
export const cut = Symbol("cut")

/** Bytes that come in pieces of `size`, so that lines, events and characters are cut anywhere; each in a turn of its own. */
export function eventStream(
  lines: AsyncIterable<string | typeof cut>,
  { size = 11, closed = () => undefined }: { size?: number; closed?: () => void },
): Response {
  const encoder = new TextEncoder()
  let left = false
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      for await (const line of lines) {
        if (left) break
        if (line === cut) {
          controller.error(new Error("cut"))
          closed()
          return
        }
        const bytes = encoder.encode(line)
        for (let at = 0; at < bytes.length && !left; at += size) {
          controller.enqueue(bytes.slice(at, at + size))
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      closed()
      if (!left) controller.close()
    },
    cancel() {
      left = true
      closed()
    },
  })
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } })
}
