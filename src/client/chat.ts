// The client's front door: one chat, kept connected, its log in order, its answers put together.
import type { Here, Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { OpenTurn, Question } from "../protocol/turn.ts"
import type { Answer } from "./answers.ts"
import type { ConnectionState } from "./connection.ts"
import { Emitter } from "./emitter.ts"
import { Engine } from "./engine.ts"
import { closedHere } from "./error.ts"
import { EventStream } from "./event-stream.ts"
import { type ChatEvent, type ChatEvents, tell } from "./events.ts"
import { type DurableEvent, newId } from "./frame.ts"
import { type ChatOptions, type InterruptOptions, newChatId, type SendOptions, type WaitOptions } from "./options.ts"
import type { Ack } from "./outgoing.ts"
import type { Say } from "./say.ts"

/**
 * Connects to a chat and stays connected until `close()`.
 *
 *     const chat = connectChat({ url: "wss://chat.example.com", flow_id: "default", token: () => freshToken() })
 *     chat.on("snapshot", ({ messages }) => showAll(messages))
 *     chat.on("message", (message) => show(message.id, message.message))
 *     chat.on("progress", (news) => news.kind === "text" && show(news.message_id, news.text))
 *     chat.on("result", (message) => show(message.id, message.message))
 *     await chat.send("Hello")
 *
 * Listeners and iterators that are added in the same tick miss nothing. Throws TypeError when the options are wrong.
 */
export function connectChat(options: ChatOptions): Chat {
  return new Chat(options)
}

export class Chat implements AsyncIterable<ChatEvent>, Disposable {
  readonly chat_id: string
  readonly #engine: Engine
  readonly #emitter = new Emitter<ChatEvents>()
  readonly #streams = new Set<EventStream<ChatEvent>>()
  readonly #closed = new AbortController()

  constructor(options: ChatOptions) {
    this.chat_id = options.chat_id ?? newChatId()
    const emitter = this.#emitter
    this.#engine = new Engine(options, this.chat_id, {
      event: (event) => this.#event(event),
      aside: (frame) =>
        frame.type === "status"
          ? emitter.emit("status", frame.data, frame)
          : emitter.emit("interrupt", frame.data, frame),
      news: (news) => emitter.emit("progress", news),
      typing: (users) => emitter.emit("typing", users),
      read: (read) => emitter.emit("read", read),
      snapshot: (data) => {
        this.#push({ type: "snapshot", data })
        emitter.emit("snapshot", data)
      },
      changed: (state) => this.#changed(state),
      failed: (error) => emitter.emit("error", error),
    })
    const { signal: closed } = this.#closed
    options.signal?.addEventListener("abort", () => this.close(), { once: true, signal: closed })
    const { connection } = this.#engine
    globalThis.addEventListener?.("online", () => connection.wake(), { signal: closed })
    globalThis.addEventListener?.("offline", () => connection.sleep(), { signal: closed })
    if (options.signal?.aborted) this.close()
    queueMicrotask(() => void connection.dial())
  }

  /** The last event that was seen; null before the first join. With `epoch`, keep it to go on after a page reload. */
  get cursor(): number | null {
    return this.#engine.follower.cursor
  }

  /** Which log the cursor is a place in. */
  get epoch(): string | null {
    return this.#engine.follower.epoch
  }

  get connection(): ConnectionState {
    return this.#engine.state
  }

  /** Null before the first join. */
  get session(): Session | null {
    return this.#engine.session.session
  }

  /** The turns that have not ended, in order. */
  get turns(): readonly OpenTurn[] {
    return this.#engine.session.turns
  }

  /** What the bot waits to be told; the next text, or `send({ kind: "input", answer })`, is the answer. */
  get question(): Question | null {
    return this.#engine.session.question
  }

  /** The devices that look at the chat now, this one included. News of it is a `status` event with `here`. */
  get here(): Here | null {
    return this.#engine.session.here
  }

  /** The answers that are being given, by message_id. */
  get answers(): ReadonlyMap<string, Answer> {
    return this.#engine.answers.open
  }

  /** What was sent and is not acked yet, in order: what would be lost with this page. */
  get unacked(): readonly { readonly id: string; readonly data: object }[] {
    return this.#engine.outbox.line.map(({ id, data }) => ({ id, data }))
  }

  /** Calls `listener` at each such event until the returned function is called, or `signal` aborts. */
  on<K extends keyof ChatEvents>(
    type: K,
    listener: (...args: ChatEvents[K]) => void,
    options: WaitOptions = {},
  ): () => void {
    return this.#emitter.on(type, listener, options.signal)
  }

  /**
   * The events of the log from now on, in order, each once; and a snapshot where the log could not be continued. Ends
   * with `close()` or `signal`; throws ClientError when the service ended the connection.
   */
  events({ signal }: WaitOptions = {}): AsyncIterableIterator<ChatEvent> {
    const left = () => {
      this.#streams.delete(stream)
      signal?.removeEventListener("abort", end)
    }
    const stream = new EventStream<ChatEvent>(left)
    const end = () => stream.end()
    const { connection } = this
    if (connection.state === "closed") stream.end(connection.error)
    else if (signal?.aborted) stream.end()
    else {
      this.#streams.add(stream)
      signal?.addEventListener("abort", end, { once: true })
    }
    return stream
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ChatEvent> {
    return this.events()
  }

  /**
   * Says something; a string is text. Resolves when the service has stored it, however many connections that takes, with
   * `seq` and `dup` (it was there already). Rejects with ClientError when it is refused, or the chat is closed. What is
   * said without waiting arrives in that order, also when some of it is refused for the moment in between.
   */
  async send(said: string | Say, { id = newId(), signal }: SendOptions = {}): Promise<Ack> {
    const data = typeof said === "string" ? { kind: "text", text: said } : said
    this.#engine.signs.said()
    return this.#engine.outbox.add({ type: "message", data, id, repeatable: true, signal })
  }

  /**
   * Stops a turn, by default the one that is running. `requested`: its `end` will say `interrupted`; `too_late`: it was
   * over. Rejects with ClientError `connection_lost` when no turn was known and the connection broke.
   */
  async interrupt({
    turn_id = this.turns[0]?.turn_id,
    signal,
  }: InterruptOptions = {}): Promise<"requested" | "too_late"> {
    // Without a turn_id, a repetition could stop the next turn.
    const repeatable = turn_id !== undefined
    const data = repeatable ? { turn_id } : {}
    const { seq } = await this.#engine.outbox.add({ type: "interrupt", data, id: newId(), repeatable, signal })
    return seq === null ? "too_late" : "requested"
  }

  /** Asks for the state of the session. */
  async status({ signal }: WaitOptions = {}): Promise<Status> {
    return this.#engine.outbox.add({ type: "status", data: {}, id: newId(), repeatable: true, signal })
  }

  /** Ends the session: it can be read, but nothing more can be said. The connection stays open. */
  async end({ signal }: WaitOptions = {}): Promise<Ack> {
    return this.#engine.outbox.add({ type: "end", data: {}, id: newId(), repeatable: true, signal })
  }

  /** Tells the other devices up to where the person has read; said again after a break of the connection. */
  read(seq: number | null = this.cursor): void {
    if (seq) this.#engine.signs.read(seq)
  }

  /** Tells the other devices that the person is writing, or no longer. Call it with each key: it is said now and then. */
  typing(on: boolean): void {
    this.#engine.signs.typing(on)
  }

  /** Resolves when the chat is connected and up to date; rejects with ClientError when it is closed before. */
  async ready({ signal }: WaitOptions = {}): Promise<void> {
    const over = new AbortController()
    const once = { once: true, signal: over.signal }
    try {
      await new Promise<void>((resolve, reject) => {
        const look = (state: ConnectionState) => {
          if (state.state === "connected") resolve()
          if (state.state === "closed") reject(state.error ?? closedHere())
        }
        signal?.throwIfAborted()
        signal?.addEventListener("abort", () => reject(signal.reason), once)
        this.on("connection", look, over)
        look(this.connection)
      })
    } finally {
      over.abort()
    }
  }

  /** Leaves at once: no timer or socket stays. What is not acked is rejected with ClientError `closed`. */
  close(): void {
    this.#engine.connection.stop(null)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #event(event: DurableEvent): void {
    this.#push(event)
    tell(this.#emitter, event)
  }

  #push(event: ChatEvent): void {
    for (const stream of this.#streams) stream.push(event)
  }

  #changed(state: ConnectionState): void {
    this.#emitter.emit("connection", state)
    if (state.state !== "closed") return
    this.#closed.abort()
    for (const stream of [...this.#streams]) stream.end(state.error)
  }
}
