// A WebSocket client that costs next to nothing, since the load comes from the cores that the server needs: frames are
// found in the bytes and handed on as bytes. Only for the load: it trusts the server.
import type { Socket } from "bun"

export type OnFrame = (payload: Buffer, client: LeanClient) => void

interface Opening {
  readonly request: string
  readonly opened: () => void
  readonly failed: (error: Error) => void
}

const nothing = Buffer.alloc(0)

export class LeanClient {
  onFrame: OnFrame
  closed = false
  readonly #opening: Opening
  #socket: Socket<LeanClient> | null = null
  #upgraded = false
  #rest: Buffer = nothing
  #unsent: Buffer = nothing

  private constructor(onFrame: OnFrame, opening: Opening) {
    this.onFrame = onFrame
    this.#opening = opening
  }

  static connect(url: string, token: string, onFrame: OnFrame): Promise<LeanClient> {
    const { hostname, port, pathname, search } = new URL(url)
    const request = [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      ...["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"],
      `Sec-WebSocket-Key: ${Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64")}`,
      ...(token ? [`Authorization: Bearer ${token}`] : []),
      "\r\n",
    ].join("\r\n")
    return new Promise((resolve, reject) => {
      const client: LeanClient = new LeanClient(onFrame, { request, opened: () => resolve(client), failed: reject })
      Bun.connect({ hostname, port: Number(port), socket: handlers, data: client }).catch(reject)
    })
  }

  /** Bytes made by `frameOf`, one or several frames. */
  send(bytes: Buffer): void {
    if (this.#unsent.length > 0) this.#unsent = Buffer.concat([this.#unsent, bytes])
    else {
      const written = this.#socket?.write(bytes) ?? 0
      if (written < bytes.length) this.#unsent = Buffer.from(bytes.subarray(Math.max(0, written)))
    }
  }

  close(): void {
    this.#socket?.end()
  }

  begin(socket: Socket<LeanClient>): void {
    this.#socket = socket
    socket.write(this.#opening.request)
  }

  drain(): void {
    const bytes = this.#unsent
    this.#unsent = nothing
    if (bytes.length > 0) this.send(bytes)
  }

  end(error: Error): void {
    this.closed = true
    this.#opening.failed(error)
  }

  take(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    this.#rest = nothing
    if (!this.#upgraded) {
      const end = bytes.indexOf("\r\n\r\n")
      if (end === -1) {
        this.#rest = Buffer.from(bytes)
        return
      }
      const [status = ""] = bytes.toString("latin1", 0, end).split("\r\n", 1)
      if (!status.includes(" 101 ")) {
        this.end(new Error(`no upgrade: ${status}`))
        return
      }
      this.#upgraded = true
      this.#opening.opened()
      bytes = bytes.subarray(end + 4)
    }
    const read = this.#frames(bytes)
    // Bun uses the chunk's memory again.
    if (read < bytes.length) this.#rest = Buffer.from(bytes.subarray(read))
  }

  /** Hands on the whole frames; gives back where the rest begins. A server's frames are not masked (RFC 6455, 5.1). */
  #frames(bytes: Buffer): number {
    let at = 0
    while (at + 2 <= bytes.length) {
      const opcode = (bytes[at] ?? 0) & 0x0f
      let length = (bytes[at + 1] ?? 0) & 0x7f
      let from = at + 2
      if (length === 126) {
        if (at + 4 > bytes.length) return at
        length = bytes.readUInt16BE(at + 2)
        from = at + 4
      } else if (length === 127) {
        if (at + 10 > bytes.length) return at
        length = bytes.readUIntBE(at + 4, 6)
        from = at + 10
      }
      if (from + length > bytes.length) return at
      if (opcode === 1) this.onFrame(bytes.subarray(from, from + length), this)
      else if (opcode === 9) this.send(pong)
      at = from + length
    }
    return at
  }
}

const handlers = {
  open: (socket: Socket<LeanClient>) => socket.data.begin(socket),
  data: (socket: Socket<LeanClient>, chunk: Buffer) => socket.data.take(chunk),
  drain: (socket: Socket<LeanClient>) => socket.data.drain(),
  close: (socket: Socket<LeanClient>) => socket.data.end(new Error("the server closed the connection")),
  error: (socket: Socket<LeanClient>, error: Error) => socket.data.end(error),
}

/** A text frame with the mask 0, which leaves the text as it is. */
export function frameOf(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0x80 | 126, length >> 8, length & 0xff]
  const frame = Buffer.allocUnsafe(head.length + 4 + length)
  frame.set([...head, 0, 0, 0, 0])
  frame.write(text, head.length + 4)
  return frame
}

const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
