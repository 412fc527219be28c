// Where tokens come from, and renewing one while the socket stays open (P7.4).
import type { ServerFrameOf } from "../protocol/server-frame.ts"
import { ClientError } from "./error.ts"
import { newId } from "./frame.ts"

/**
 * A token; or a function that is asked for a fresh one at each connection, and again shortly before its token expires.
 * `signal` aborts when the answer is no longer wanted.
 */
export type TokenSource = string | ((options: { readonly signal: AbortSignal }) => string | Promise<string>)

/** Never rejects: the error is an answer. */
export async function fetchToken(source: TokenSource, signal: AbortSignal): Promise<string | ClientError> {
  if (typeof source === "string") return source
  try {
    return await source({ signal })
  } catch (cause) {
    return new ClientError("token_unavailable", `No token could be had: ${cause}`, { retry: true, cause })
  }
}

export interface TokenRefreshSink {
  send(frame: object): boolean
  failed(error: ClientError): void
}

export class TokenRefresh {
  readonly #source: TokenSource
  readonly #sink: TokenRefreshSink
  /** Aborted when the socket is gone. */
  #over = new AbortController()
  #busy = false
  #trace_id: string | null = null

  constructor(source: TokenSource, sink: TokenRefreshSink) {
    this.#source = source
    this.#sink = sink
  }

  /** The service's `auth`: a request, or, under our own trace, the confirmation. Never rejects. */
  async asked({ trace_id }: ServerFrameOf<"auth">): Promise<void> {
    if (trace_id === this.#trace_id || this.#busy || typeof this.#source === "string") return
    this.#busy = true
    const { signal } = this.#over
    const token = await fetchToken(this.#source, signal)
    if (signal.aborted) return
    this.#busy = false
    // Without a fresh token the socket is closed with 4005 in a minute, and the next connection asks again.
    if (typeof token !== "string") {
      this.#sink.failed(token)
      return
    }
    this.#trace_id = newId()
    this.#sink.send({ type: "auth", data: { token }, id: this.#trace_id, trace_id: this.#trace_id })
  }

  lost(): void {
    this.#over.abort()
    this.#over = new AbortController()
    this.#busy = false
    this.#trace_id = null
  }
}
