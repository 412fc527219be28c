// Keeps one socket open: a fresh token for each try, close codes, growing pauses, and a sign of life now and then.
//
// partysocket is not underneath: it reports a failed connection as close code 1000 (which here means "do not come
// back"), has no jitter, and its timers are neither on a clock that can be passed in nor all cleared by close().
import type { ErrorBody } from "../protocol/error.ts"
import type { ServerFrame } from "../protocol/server-frame.ts"
import type { Cancel, ClientClock } from "./clock.ts"
import { ClientError } from "./error.ts"
import { readFrame } from "./frame.ts"
import { comesBack, pauseAfter } from "./reconnect.ts"
import { OPEN, type SocketEvent, type SocketLike, type WebSocketConstructor } from "./socket.ts"
import { fetchToken, type TokenSource } from "./token.ts"

export type ConnectionState =
  /** `attempt` counts from 1, and from 1 again after a connection that held. */
  | { readonly state: "connecting"; readonly attempt: number }
  /** Joined, and up to date. */
  | { readonly state: "connected" }
  /**
   * Lost with close code `code`; the next try is in `retry_in_ms`, null: when the machine has a network again. `reason` is
   * what the service said, if it did.
   */
  | {
      readonly state: "waiting"
      readonly retry_in_ms: number | null
      readonly code: number
      readonly reason: ErrorBody | null
    }
  /** For good. `error` is null after `close()`. */
  | { readonly state: "closed"; readonly error: ClientError | null }

export interface ConnectionOptions {
  readonly address: string
  readonly token: TokenSource
  readonly WebSocket: WebSocketConstructor
  readonly clock: ClientClock
  readonly random: () => number
}

export interface ConnectionSink {
  changed(state: ConnectionState): void
  /** The socket is open and nothing has been said yet. */
  opened(): void
  received(frame: ServerFrame): void
  /** Something went wrong that the connection gets over by itself. */
  failed(error: ClientError): void
}

/** For opening and joining. */
const CONNECT_MS = 10_000
/** A connection that lasted so long after joining starts the pauses anew. */
const HELD_MS = 5000
/** Longer than the service's own ping of 30 s, so that a healthy connection is never asked. */
const IDLE_MS = 35_000
const PONG_MS = 10_000

export class Connection {
  readonly #options: ConnectionOptions
  readonly #sink: ConnectionSink
  #socket: SocketLike | null = null
  /** Aborted when the try, or the connection that came of it, is over. */
  #over = new AbortController()
  #stopped = false
  #attempt = 0
  #joined_at: number | null = null
  #heard_at = 0
  #reason: ErrorBody | null = null
  /** What was said when the last connection was lost; null when there is another. */
  #lost: Extract<ConnectionState, { state: "waiting" }> | null = null
  /** The machine has no network: a try would come to nothing. */
  #offline = false
  /** There is at most one timer: the deadline, the sign of life, or the pause. */
  #cancel: Cancel = () => {}

  constructor(options: ConnectionOptions, sink: ConnectionSink) {
    this.#options = options
    this.#sink = sink
  }

  /** Begins a try. Never rejects. */
  async dial(): Promise<void> {
    if (this.#stopped) return
    this.#over = new AbortController()
    const { signal } = this.#over
    this.#attempt += 1
    this.#lost = null
    this.#sink.changed({ state: "connecting", attempt: this.#attempt })
    const token = await fetchToken(this.#options.token, signal)
    if (signal.aborted) return
    if (typeof token === "string") return this.#open(token, signal)
    this.#sink.failed(token)
    if (!signal.aborted) this.#lose(1006)
  }

  /** False when there is no open socket. */
  send(frame: object): boolean {
    if (this.#socket?.readyState !== OPEN) return false
    this.#socket.send(JSON.stringify(frame))
    return true
  }

  /** The chat is joined: from now on the socket has to show signs of life instead of meeting the deadline. */
  joined(): void {
    if (this.#joined_at !== null) return
    this.#joined_at = this.#options.clock.now()
    this.#watch()
  }

  /** Gives up a socket that does not answer, and comes back. */
  drop(): void {
    const socket = this.#socket
    this.#lose(1006)
    if (socket?.terminate) socket.terminate()
    else socket?.close()
  }

  /** The network is gone: no tries until `wake`, and see whether the socket survives. */
  sleep(): void {
    if (this.#stopped) return
    this.#offline = true
    if (this.#joined_at !== null) this.#probe()
    if (!this.#lost) return
    this.#cancel()
    this.#sink.changed({ ...this.#lost, retry_in_ms: null })
  }

  /** The network is back: try at once, or see whether the socket survived. */
  wake(): void {
    if (this.#stopped) return
    this.#offline = false
    if (this.#joined_at !== null) this.#probe()
    if (!this.#over.signal.aborted) return
    this.#cancel()
    void this.dial()
  }

  /** For good. */
  stop(error: ClientError | null): void {
    if (this.#stopped) return
    this.#stopped = true
    const socket = this.#socket
    this.#end()
    socket?.close(1000)
    this.#sink.changed({ state: "closed", error })
  }

  #open(token: string, over: AbortSignal): void {
    const { WebSocket, address, clock } = this.#options
    let socket: SocketLike
    try {
      socket = new WebSocket(address, ["bearer", token])
    } catch (cause) {
      this.stop(new ClientError("bad_options", `No WebSocket can be opened to ${address}: ${cause}`, { cause }))
      return
    }
    this.#socket = socket
    this.#cancel = clock.after(CONNECT_MS, () => this.drop())
    const on = (type: "open" | "message" | "close" | "error", act: (event: SocketEvent) => void) =>
      socket.addEventListener(type, (event) => {
        if (!over.aborted) act(event)
      })
    on("open", () => this.#sink.opened())
    on("message", ({ data }) => this.#read(data))
    on("close", ({ code }) => this.#lose(code ?? 1006))
    // The close event that always follows says more; but `ws` throws an error that nobody listens to.
    on("error", () => {})
  }

  #read(data: unknown): void {
    this.#heard_at = this.#options.clock.now()
    const frame = readFrame(data)
    if (frame?.type === "error") this.#reason = frame.data
    if (frame) this.#sink.received(frame)
    else this.#sink.failed(new ClientError("bad_server_frame", "The service sent something that is not a frame"))
  }

  #lose(code: number): void {
    const { clock, random, token } = this.#options
    if (this.#joined_at !== null && clock.now() - this.#joined_at >= HELD_MS) this.#attempt = 0
    const reason = code >= 4000 ? this.#reason : null // P8.2
    this.#end()
    // A token that cannot be replaced will not be better the next time.
    if (!comesBack(code) || (code === 4005 && typeof token === "string")) {
      this.stop(explain(code, reason))
      return
    }
    const loss = { code, failures: this.#attempt, retry_after_ms: reason?.retry_after_ms }
    const retry_in_ms = this.#offline ? null : pauseAfter(loss, random)
    if (retry_in_ms !== null) this.#cancel = clock.after(retry_in_ms, () => void this.dial())
    this.#lost = { state: "waiting", retry_in_ms, code, reason }
    this.#sink.changed(this.#lost)
  }

  #end(): void {
    this.#over.abort()
    this.#cancel()
    this.#socket = null
    this.#joined_at = null
    this.#reason = null
  }

  #watch(): void {
    const { clock } = this.#options
    this.#cancel()
    const left = this.#heard_at + IDLE_MS - clock.now()
    if (left > 0) this.#cancel = clock.after(left, () => this.#watch())
    else this.#probe()
  }

  #probe(): void {
    const { clock } = this.#options
    const asked_at = clock.now()
    this.#cancel()
    this.send({ type: "ping", data: {} })
    this.#cancel = clock.after(PONG_MS, () => (this.#heard_at >= asked_at ? this.#watch() : this.drop()))
  }
}

function explain(code: number, reason: ErrorBody | null): ClientError {
  if (reason) return ClientError.from(reason, code)
  return new ClientError("closed", `The service closed the connection (${code})`, { close_code: code })
}
