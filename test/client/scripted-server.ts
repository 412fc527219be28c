// A service whose every word the test says itself. What it sends and gets is checked against the protocol's schemas, so
// that a test cannot pass on frames that do not exist.
import type { ServerWebSocket } from "bun"
import { ClientFrame, type ClientFrameOf } from "../../src/protocol/client-frame.ts"
import { ServerFrame } from "../../src/protocol/server-frame.ts"

/** Hands over items one by one, waiting for those that are not there yet. */
class Mailbox<T> {
  readonly #items: T[] = []
  readonly #readers: ((item: T) => void)[] = []

  put(item: T): void {
    const reader = this.#readers.shift()
    if (reader) reader(item)
    else this.#items.push(item)
  }

  take(): Promise<T> {
    const item = this.#items.shift()
    return item === undefined ? new Promise((resolve) => this.#readers.push(resolve)) : Promise.resolve(item)
  }

  get size(): number {
    return this.#items.length
  }
}

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** One connection, seen from the service. */
export class Line {
  readonly url: URL
  readonly token: string
  readonly frames = new Mailbox<ClientFrame>()
  readonly closed: Promise<Closed>
  #socket: ServerWebSocket<Line> | null = null
  #resolveClosed: (closed: Closed) => void = () => {}

  constructor(url: URL, token: string) {
    this.url = url
    this.token = token
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  /** The next frame of the client; throws when it is of another type. */
  async next<T extends ClientFrame["type"]>(type: T): Promise<ClientFrameOf<T>> {
    const frame = await this.frames.take()
    if (frame.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(frame)}`)
    return frame as ClientFrameOf<T>
  }

  /** Frames that came and were not read. */
  get unread(): number {
    return this.frames.size
  }

  /** Answers to `start` bear the trace of the last one that came (P2.3). */
  say(...frames: ServerFrame[]): void {
    for (const frame of frames) {
      const trace_id = frame.type === "start" ? (this.#start ?? frame.trace_id) : frame.trace_id
      this.raw(JSON.stringify(ServerFrame.parse({ ...frame, trace_id })))
    }
  }

  raw(text: string): void {
    this.#socket?.send(text)
  }

  /** Everything that the client has sent until now has been read when this resolves. */
  async quiet(): Promise<void> {
    const socket = this.#socket
    if (!socket) throw new Error("no socket")
    const pong = new Promise<void>((resolve) => this.#pongs.push(resolve))
    socket.ping()
    await pong
  }

  readonly #pongs: (() => void)[] = []
  #start: string | undefined

  /** The connection breaks. */
  cut(): void {
    this.#socket?.terminate()
  }

  close(code: number, reason = ""): void {
    this.#socket?.close(code, reason)
  }

  static readonly handlers = {
    open(socket: ServerWebSocket<Line>) {
      socket.data.#socket = socket
    },
    message(socket: ServerWebSocket<Line>, text: string | Buffer) {
      const frame = ClientFrame.parse(JSON.parse(String(text)))
      if (frame.type === "start") socket.data.#start = frame.trace_id
      socket.data.frames.put(frame)
    },
    pong(socket: ServerWebSocket<Line>) {
      socket.data.#pongs.shift()?.()
    },
    close(socket: ServerWebSocket<Line>, code: number, reason: string) {
      socket.data.#resolveClosed({ code, reason })
    },
  }
}

export class ScriptedServer implements AsyncDisposable {
  readonly #lines = new Mailbox<Line>()
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => {
      const protocols = request.headers.get("sec-websocket-protocol")?.split(/, */) ?? []
      const [first, token = ""] = protocols
      const line = new Line(new URL(request.url), token)
      if (first !== "bearer") return new Response("no token", { status: 400 })
      const upgraded = server.upgrade(request, { data: line, headers: { "Sec-WebSocket-Protocol": "bearer" } })
      if (upgraded) this.#lines.put(line)
      return upgraded ? undefined : new Response("no upgrade", { status: 400 })
    },
    websocket: { data: {} as Line, ...Line.handlers },
  })

  get url(): string {
    return `ws://127.0.0.1:${this.#server.port}`
  }

  /** The next connection. */
  next(): Promise<Line> {
    return this.#lines.take()
  }

  /** Connections that were not looked at. */
  get waiting(): number {
    return this.#lines.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true)
  }
}
