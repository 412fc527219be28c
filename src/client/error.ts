// The only error that the client rejects with or emits, besides the reason of an AbortSignal.
import type { ErrorBody } from "../protocol/error.ts"

export interface ClientErrorOptions {
  /** May the same request, unchanged, succeed later? */
  readonly retry?: boolean
  /** Milliseconds. */
  readonly retry_after_ms?: number | undefined
  /** Of an answer to a question: what is wrong with each field, by its key. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** The `id` of the frame that is refused. */
  readonly id?: string | undefined
  /** The WebSocket close code behind it. */
  readonly close_code?: number | undefined
  readonly cause?: unknown
}

/**
 * What went wrong. `code` is one of the service's (`errors.ts`) or one of the client's own:
 * - `closed`: `close()` was called, or the service ended the connection with 1000 or 1009;
 * - `connection_lost`: the connection broke before the answer came, and asking again would not be safe;
 * - `token_unavailable`: the `token` function failed; the client tries again by itself;
 * - `bad_options`: no WebSocket can be made from the url and the token that were given;
 * - `bad_server_frame`: the service said something that is not a frame.
 */
export class ClientError extends Error {
  readonly code: string
  readonly retry: boolean
  readonly retry_after_ms: number | undefined
  readonly fields: Readonly<Record<string, string>> | undefined
  readonly id: string | undefined
  readonly close_code: number | undefined

  constructor(code: string, message: string, options: ClientErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = "ClientError"
    this.code = code
    this.retry = options.retry ?? false
    this.retry_after_ms = options.retry_after_ms
    this.fields = options.fields
    this.id = options.id
    this.close_code = options.close_code
  }

  /** From an `error` frame; `close_code` when it explains a close. */
  static from(body: ErrorBody, close_code?: number): ClientError {
    return new ClientError(body.code, body.message, { ...body, close_code })
  }
}

export function closedHere(): ClientError {
  return new ClientError("closed", "The chat was closed")
}
