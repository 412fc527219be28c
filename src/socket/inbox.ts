// The line of what a client sent. One thing at a time, in order (P2.4): Bun runs async handlers side by side (bun#32483). Only
// what is said may be looked at while what was said before is being stored, so that it can share the commit.
import type { ServerWebSocket } from "bun"
import { ChatError } from "../errors.ts"
import { newTraceId } from "../ids.ts"
import type { ClientFrame } from "../protocol/client-frame.ts"
import { type Decoded, decode, labelsOf } from "../protocol/codec.ts"
import { RateLimit } from "../rate-limit.ts"
import type { Connection } from "./connection.ts"
import { handleFrame, type Place } from "./handle-frame.ts"
import type { SocketData } from "./upgrade.ts"

/** So many waiting, and the socket is not read until there are fewer. */
const pauseAt = 32
const resumeAt = 8
/** Messages that may be on their way to the store together: as many as the client library has under way. */
const mostAtOnce = 16
/** Bursts over the rate limit after which the connection ends (P7.6). */
const tooManyBursts = 10

export class Inbox {
  /** When the client has to answer the ping, in milliseconds since the epoch; null = nothing is asked. */
  pongDueAt: number | null = null
  readonly #connection: Connection
  readonly #ws: ServerWebSocket<SocketData>
  readonly #limit: RateLimit
  #line: (() => Promise<void>)[] = []
  #working = false
  /** Answers to what is being stored; the last one's is the last. Null: nothing is. */
  #answering: Promise<void> | null = null
  #unanswered = 0

  constructor(connection: Connection, ws: ServerWebSocket<SocketData>) {
    const { clock, config } = connection.deps
    this.#connection = connection
    this.#ws = ws
    this.#limit = new RateLimit(clock, { rate: config.rate_limit, burst: config.rate_burst })
  }

  /** A message came in. */
  receive(raw: string | Buffer): void {
    this.pongDueAt = null
    const wait = this.#limit.take()
    if (this.#limit.debt > tooManyBursts) this.#connection.close(new ChatError("too_fast", { retry_after_ms: wait }))
    else this.add(() => this.#take(raw, wait))
  }

  add(task: () => Promise<void>): void {
    this.#line.push(task)
    if (this.#line.length >= pauseAt && !this.#ws.isPaused) this.#ws.pause()
    if (!this.#working) void this.#work()
  }

  clear(): void {
    this.#line.length = 0
  }

  async #work(): Promise<void> {
    this.#working = true
    for (let task = this.#line.shift(); task && this.#connection.open; task = this.#line.shift()) {
      if (this.#line.length <= resumeAt && this.#ws.isPaused) this.#ws.resume()
      await task()
    }
    // Once emptied it would keep its room, in each connection that rests.
    this.#line = []
    this.#working = false
  }

  /** Handles one frame until the next may be looked at; what is wrong with it is told. Never rejects. */
  async handle(frame: ClientFrame): Promise<void> {
    if (!isSaid(frame) || this.#unanswered >= mostAtOnce) await this.#answering
    const { promise, resolve: inLine } = Promise.withResolvers<void>()
    const place = { trace_id: frame.trace_id ?? newTraceId(), before: this.#answering, inLine }
    this.#unanswered += 1
    const answering = this.#answer(frame, place).then(() => {
      this.#unanswered -= 1
      if (this.#answering === answering) this.#answering = null
      inLine()
    })
    this.#answering = answering
    await promise
  }

  async #answer(frame: ClientFrame, place: Place): Promise<void> {
    try {
      await handleFrame(this.#connection, frame, place)
    } catch (thrown) {
      await place.before
      this.#fail(ChatError.from(thrown), frame, place.trace_id)
    }
  }

  async #take(raw: string | Buffer, wait: number): Promise<void> {
    const read = this.#read(raw, wait)
    if (read.ok) return this.handle(read.frame)
    const { error, trace_id = newTraceId(), id } = read
    await this.#answering
    this.#connection.refuse(error, { trace_id, id })
  }

  #fail(
    error: ChatError,
    { type, id, chat_id = this.#connection.chats.home ?? undefined }: ClientFrame,
    trace_id: string,
  ): void {
    const connection = this.#connection
    // What has no cause is a state of the service, such as draining, and no fault.
    if (error.row.http >= 500 && error.cause !== undefined) {
      const { log } = connection.deps
      const about = { trace_id, chat_id, code: error.code, err: error.cause }
      // That the store is away is told by `readyz`; each frame that meets it is no fault of its own.
      if (error.code === "store_unavailable") log.warn(about, "a frame could not be handled yet")
      else log.error(about, "a frame could not be handled")
    }
    // What concerns the URL's chat may end the connection. Another chat's trouble does not, nor does a token that is not
    // taken: the one before it holds until its end (P7.4).
    if (error.row.close !== null && chat_id === connection.chats.home && type !== "auth")
      connection.close(error, { trace_id, id, chat_id })
    else connection.refuse(error, { trace_id, id, chat_id })
  }

  #read(raw: string | Buffer, wait: number): Decoded {
    const refused = (error: ChatError): Decoded => ({
      ...{ ok: false, error },
      ...(typeof raw === "string" ? labelsOf(raw) : {}),
    })
    if (wait > 0) {
      const params = { seconds: Math.ceil(wait / 1000) }
      return refused(new ChatError("rate_limited", { params, retry_after_ms: wait }))
    }
    const limit = this.#connection.deps.config.max_frame_bytes
    const size = Buffer.byteLength(raw)
    if (size > limit) return refused(new ChatError("frame_too_large", { params: { size, limit } }))
    if (typeof raw === "string") return decode(raw, this.#connection.language)
    return refused(new ChatError("bad_frame", { params: { problem: "binary" } }))
  }
}

function isSaid(frame: ClientFrame): boolean {
  return frame.type === "message" && (frame.data.kind === "text" || frame.data.kind === "file")
}
