// A WebSocket client made of bytes: it can stop reading, keep silent when it is pinged, and vanish without a word.
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { ServerFrame } from "../../src/protocol/server-frame.ts"
import { until } from "./until.ts"

export interface RawSocketOptions {
  readonly token: string
  /** Answers pings, as every library does by itself. */
  readonly pongs?: boolean
}

const opcodes = { text: 1, close: 8, ping: 9, pong: 10 }

export class RawSocket implements Disposable {
  readonly frames: ServerFrame[] = []
  /** WebSocket pings that came. */
  pings = 0
  /** The close code that came; 1006 when the connection broke without one. */
  closed: number | null = null
  readonly #socket: Socket
  readonly #pongs: boolean
  #bytes = Buffer.alloc(0)
  #upgraded = false
  readonly #changed = new Set<() => void>()

  private constructor(socket: Socket, pongs: boolean) {
    this.#socket = socket
    this.#pongs = pongs
    socket.on("data", (bytes: Buffer) => this.#read(bytes))
    // A reset is what some tests are about; "close" follows.
    socket.on("error", () => undefined)
    socket.on("close", () => {
      this.closed ??= 1006
      this.#tell()
    })
  }

  /** Connects to `address`, http://host:port/chat/..., and resolves when the server has agreed. */
  static async open(address: string, { token, pongs = true }: RawSocketOptions): Promise<RawSocket> {
    const url = new URL(address)
    const socket = connect(Number(url.port), url.hostname)
    const raw = new RawSocket(socket, pongs)
    await once(socket, "connect")
    const lines = [
      ...[
        `GET ${url.pathname}${url.search} HTTP/1.1`,
        `Host: ${url.host}`,
        "Upgrade: websocket",
        "Connection: Upgrade",
      ],
      ...[`Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`, "Sec-WebSocket-Version: 13"],
      `Authorization: Bearer ${token}`,
    ]
    socket.write(`${lines.join("\r\n")}\r\n\r\n`)
    await raw.until(() => raw.#upgraded, "the upgrade")
    return raw
  }

  send(frame: object): void {
    this.#write(opcodes.text, Buffer.from(JSON.stringify(frame)))
  }

  ping(): void {
    this.#write(opcodes.ping, Buffer.alloc(0))
  }

  /** Reads nothing from now on: what the server sends piles up. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Breaks the connection. */
  cut(): void {
    this.#socket.resetAndDestroy()
  }

  /** Resolves when `condition` holds after something came. */
  until(condition: () => boolean, what: string): Promise<void> {
    return until(condition, what, (look) => {
      this.#changed.add(look)
      return () => this.#changed.delete(look)
    })
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #tell(): void {
    for (const look of [...this.#changed]) look()
  }

  #read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    if (!this.#upgraded) {
      const end = this.#bytes.indexOf("\r\n\r\n")
      if (end === -1) return
      this.#upgraded = this.#bytes.subarray(0, 12).toString() === "HTTP/1.1 101"
      this.#bytes = this.#bytes.subarray(end + 4)
    }
    for (let frame = this.#next(); frame; frame = this.#next()) this.#take(frame.opcode, frame.payload)
    this.#tell()
  }

  /** The next whole frame (RFC 6455, 5.2); a server's are not masked. */
  #next(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#bytes
    const [first, second] = bytes
    if (first === undefined || second === undefined) return undefined
    const extra = second === 126 ? 2 : second === 127 ? 8 : 0
    if (bytes.length < 2 + extra) return undefined
    const size = extra === 2 ? bytes.readUInt16BE(2) : extra === 8 ? Number(bytes.readBigUInt64BE(2)) : second
    const start = 2 + extra
    if (bytes.length < start + size) return undefined
    this.#bytes = bytes.subarray(start + size)
    return { opcode: first & 15, payload: bytes.subarray(start, start + size) }
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === opcodes.text) this.frames.push(ServerFrame.parse(JSON.parse(payload.toString())))
    if (opcode === opcodes.close) this.closed = payload.readUInt16BE(0)
    if (opcode !== opcodes.ping) return
    this.pings += 1
    if (this.#pongs) this.#write(opcodes.pong, payload)
  }

  #write(opcode: number, payload: Buffer): void {
    const mask = randomBytes(4)
    const header = payload.length < 126 ? Buffer.from([128 | opcode, 128 | payload.length]) : Buffer.alloc(4)
    if (payload.length >= 126) {
      if (payload.length > 65_535) throw new Error("this client sends no frames above 64 KiB")
      header.set([128 | opcode, 128 | 126])
      header.writeUInt16BE(payload.length, 2)
    }
    const masked = payload.map((byte, place) => byte ^ (mask[place % 4] ?? 0))
    this.#socket.write(Buffer.concat([header, mask, masked]))
  }
}
