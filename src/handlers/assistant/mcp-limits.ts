// How much a server of tools may say at once: what is kept of it has a limit of its own, but all of it is in memory before.
import { isEventStream } from "./mcp-breaks.ts"

/** Bytes of one message. */
export const largest = 16 * 1024 * 1024
const newline = 10

/** The lines in what a program writes, each looked through once, however many pieces it comes in. */
export class Lines {
  readonly #tooLarge: () => void
  #lines: string[] = []
  #open: Buffer[] = []
  #size = 0

  constructor(tooLarge: () => void) {
    this.#tooLarge = tooLarge
  }

  append(chunk: Buffer): void {
    let rest = chunk
    for (let end = rest.indexOf(newline); end !== -1; end = rest.indexOf(newline)) {
      this.#lines.push(Buffer.concat([...this.#open, rest.subarray(0, end)]).toString())
      this.#open = []
      this.#size = 0
      rest = rest.subarray(end + 1)
    }
    this.#open.push(rest)
    this.#size += rest.length
    if (this.#size <= largest) return
    this.clear()
    this.#tooLarge()
  }

  readLine(): string | null {
    return this.#lines.shift() ?? null
  }

  clear(): void {
    this.#lines = []
    this.#open = []
    this.#size = 0
  }
}

/** The response, whose body breaks off where a message becomes too large: an event of a stream, or all of what is none. */
export function limited(response: Response, tooLarge: () => void): Response {
  if (response.body === null) return response
  const isStream = isEventStream(response)
  let size = 0
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const last = isStream ? chunk.lastIndexOf(newline) : -1
      size = last === -1 ? size + chunk.length : chunk.length - last - 1
      if (size <= largest) return controller.enqueue(chunk)
      controller.error(new Error(`the server sent more than ${largest} bytes at once`))
      tooLarge()
    },
  })
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(counting), { status, statusText, headers })
}
