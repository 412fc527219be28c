// A socket that does what the test says and nothing by itself: no acks, no reconnects. Every frame is checked against the
// protocol's schema as it comes.

import type { ClientFrameInput } from "../../src/protocol/client-frame.ts"
import { ServerFrame, type ServerFrameOf } from "../../src/protocol/server-frame.ts"

/** A test waits for a frame at most so long, in milliseconds; reaching it is a failure. */
const patience = 5000

export type DurableFrame = ServerFrameOf<"message" | "result" | "status" | "interrupt" | "end"> & { seq: number }

export interface HandshakeOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
}

export class TestClient {
  /** Everything that came, in order. */
  readonly frames: ServerFrame[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #socket: WebSocket
  readonly #opened: Promise<void>
  readonly #waiting = new Set<() => void>()
  #read = 0

  constructor(url: string, token: string | null, { headers = {}, protocols = [] }: HandshakeOptions = {}) {
    // Bun's WebSocket takes headers; a browser's would offer the token as a subprotocol.
    const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
    this.#socket = new WebSocket(url, { headers: { ...authorization, ...headers }, protocols: [...protocols] })
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.addEventListener("open", () => resolve())
      this.#socket.addEventListener("error", () => reject(new Error(`no connection to ${url}`)))
    })
    this.#opened.catch(() => undefined)
    this.closed = new Promise((resolve) => {
      this.#socket.addEventListener("close", ({ code, reason }) => {
        resolve({ code, reason })
        this.#wake()
      })
    })
    this.#socket.addEventListener("message", ({ data }) => {
      this.frames.push(ServerFrame.parse(JSON.parse(String(data))))
      this.#wake()
    })
  }

  /** Sends a frame, or text or bytes as they are. */
  async send(frame: ClientFrameInput | string | Uint8Array): Promise<void> {
    await this.#opened
    this.#socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame))
  }

  /** Says a text and resolves with the answer to it: `ack` or `error`. */
  async say(text: string, id: string = crypto.randomUUID()): Promise<ServerFrameOf<"ack"> | ServerFrameOf<"error">> {
    await this.send({ type: "message", data: { kind: "text", text }, id, trace_id: `trace-${id}` })
    return this.answer(id)
  }

  /** Sends a frame with an `id` and resolves with the answer to it. */
  async ask(frame: ClientFrameInput): Promise<ServerFrameOf<"ack"> | ServerFrameOf<"error">> {
    const id = frame.id ?? crypto.randomUUID()
    await this.send({ ...frame, id })
    return this.answer(id)
  }

  /** Resolves when everything that was on its way to this socket is here: frames of a socket keep their order (P2.4). */
  async settled(): Promise<void> {
    const trace_id = crypto.randomUUID()
    await this.send({ type: "ping", trace_id })
    await this.#find(
      (frame): frame is ServerFrameOf<"pong"> => frame.type === "pong" && frame.trace_id === trace_id,
      "pong",
      false,
    )
  }

  /** The `ack` or `error` for a frame's id, whenever it came. */
  answer(id: string): Promise<ServerFrameOf<"ack"> | ServerFrameOf<"error">> {
    return this.#find(
      (frame): frame is ServerFrameOf<"ack"> | ServerFrameOf<"error"> =>
        (frame.type === "ack" || frame.type === "error") && frame.id === id,
      `the answer to ${id}`,
      false,
    )
  }

  /** The next frame of a type after the ones that were waited for before. */
  next<T extends ServerFrame["type"]>(
    type: T,
    wanted: (frame: ServerFrameOf<T>) => boolean = () => true,
  ): Promise<ServerFrameOf<T>> {
    return this.#find(
      (frame): frame is ServerFrameOf<T> => frame.type === type && wanted(frame as ServerFrameOf<T>),
      type,
      true,
    )
  }

  /** Joins and resolves when the replay is over: its frames, from `start` to `replayed`. */
  async join(
    data: Extract<ClientFrameInput, { type: "start" }>["data"] = {},
    chat_id?: string,
  ): Promise<ServerFrame[]> {
    const from = this.frames.length
    const trace_id = crypto.randomUUID()
    await this.send({ type: "start", data, trace_id, ...(chat_id === undefined ? {} : { chat_id }) })
    await this.next("start", (frame) => frame.trace_id === trace_id && "replayed" in frame.data)
    return this.frames.slice(from, this.#read)
  }

  /** The durable events that came, in the order in which they came. */
  get events(): DurableFrame[] {
    return this.frames.filter((frame): frame is DurableFrame => "seq" in frame && frame.seq !== undefined)
  }

  /** Resolves when the durable event `seq` is here, live or replayed, of the chat if one is named. */
  async seen(seq: number, chat_id?: string): Promise<void> {
    await this.#find(
      (frame): frame is DurableFrame =>
        "seq" in frame && frame.seq === seq && (chat_id === undefined || frame.chat_id === chat_id),
      `event ${seq}`,
      false,
    )
  }

  /** The streamed text of a message, put together by offset as a client does (P6.1). */
  streamed(message_id?: string): string {
    let text = ""
    for (const frame of this.frames) {
      if (frame.type !== "progress" || frame.data.kind !== "text") continue
      if (message_id !== undefined && frame.data.message_id !== message_id) continue
      if (frame.data.offset > text.length) throw new Error(`a hole in the text at ${text.length}`)
      text = text.slice(0, frame.data.offset) + frame.data.text
    }
    return text
  }

  /** The subprotocol that the server selected. */
  async protocol(): Promise<string> {
    await this.#opened
    return this.#socket.protocol
  }

  get isClosed(): boolean {
    return this.#socket.readyState >= WebSocket.CLOSING
  }

  close(code = 1000): void {
    this.#socket.close(code)
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.#socket.terminate()
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look()
  }

  #find<F extends ServerFrame>(wanted: (frame: ServerFrame) => frame is F, what: string, moveOn: boolean): Promise<F> {
    return new Promise((resolve, reject) => {
      let looked = moveOn ? this.#read : 0
      const stop = () => {
        clearTimeout(timer)
        this.#waiting.delete(look)
      }
      const look = () => {
        for (; looked < this.frames.length; looked++) {
          const frame = this.frames[looked]
          if (!frame || !wanted(frame)) continue
          if (moveOn) this.#read = looked + 1
          stop()
          resolve(frame)
          return
        }
        if (this.#socket.readyState === WebSocket.CLOSED) {
          stop()
          reject(new Error(`closed while waiting for ${what}; came: ${this.#summary()}`))
        }
      }
      const timer = setTimeout(() => {
        stop()
        reject(new Error(`${what} did not come; came: ${this.#summary()}`))
      }, patience)
      this.#waiting.add(look)
      look()
    })
  }

  #summary(): string {
    return JSON.stringify(this.frames.slice(-12).map(({ type, data }) => ({ type, data }))).slice(0, 2000)
  }
}
