// A device's way to the service: real WebSockets that break after a frame of the test's choice, at either side of it.
import type { SocketEvent, SocketLike, WebSocketConstructor } from "../../src/client/socket.ts"

export interface Cut {
  /** From the client, or to it. */
  readonly way: "in" | "out"
  /** Frames that still pass. */
  readonly after: number
  /** The frame after these is lost, or is the last that passes. */
  readonly lost: boolean
}

type Listener = (event: SocketEvent) => void

export class CuttingWire {
  readonly #target: () => string
  readonly #sockets: CuttingSocket[] = []
  #plan: { readonly cut: Cut; left: number } | null = null
  /** The most messages that were on their way at once on one socket. */
  mostInFlight = 0
  /** Makes sockets to wherever the service is just then. */
  readonly WebSocket: WebSocketConstructor

  constructor(target: () => string) {
    this.#target = target
    const wire = this
    this.WebSocket = class extends CuttingSocket {
      constructor(url: string, protocols: string[]) {
        super(wire, wire.#found(url), protocols)
        wire.#sockets.push(this)
      }
    }
  }

  /** Sockets that are not closed yet. */
  get open(): number {
    return this.#sockets.filter((socket) => !socket.gone).length
  }

  cut(): void {
    for (const socket of this.#sockets) socket.cut()
  }

  plan(cut: Cut): void {
    this.#plan = { cut, left: cut.after }
  }

  /** From now on it holds. */
  mend(): void {
    this.#plan = null
  }

  /** What happens to the wire with this frame. */
  pass(way: Cut["way"]): "passes" | "breaks before" | "breaks after" {
    const plan = this.#plan
    if (plan?.cut.way !== way) return "passes"
    plan.left -= 1
    if (plan.left >= 0) return "passes"
    this.#plan = null
    return plan.cut.lost ? "breaks before" : "breaks after"
  }

  #found(url: string): string {
    const address = new URL(url)
    address.host = new URL(this.#target()).host
    return address.href
  }
}

class CuttingSocket implements SocketLike {
  readonly #wire: CuttingWire
  readonly #real: WebSocket
  readonly #listeners: { readonly type: string; readonly listener: Listener }[] = []
  readonly #inFlight = new Set<string>()
  #broken = false

  constructor(wire: CuttingWire, url: string, protocols: string[]) {
    this.#wire = wire
    this.#real = new WebSocket(url, protocols)
    for (const type of ["open", "close", "error"] as const) {
      this.#real.addEventListener(type, (event) => {
        if (!this.#broken) this.#tell(event)
      })
    }
    this.#real.addEventListener("message", (event) => this.#receive(event))
  }

  get readyState(): number {
    return this.#broken ? WebSocket.CLOSED : this.#real.readyState
  }

  /** The real socket is closed. */
  get gone(): boolean {
    return this.#real.readyState === WebSocket.CLOSED
  }

  addEventListener(type: "open" | "message" | "close" | "error", listener: Listener): void {
    this.#listeners.push({ type, listener })
  }

  send(text: string): void {
    const fate = this.#wire.pass("out")
    if (fate !== "breaks before") {
      const { type, id }: { type: string; id?: string } = JSON.parse(text)
      if (type === "message" && id !== undefined) this.#inFlight.add(id)
      this.#wire.mostInFlight = Math.max(this.#wire.mostInFlight, this.#inFlight.size)
      this.#real.send(text)
    }
    if (fate !== "passes") this.cut()
  }

  close(code?: number): void {
    this.#real.close(code)
  }

  terminate(): void {
    this.#real.terminate()
  }

  cut(): void {
    if (this.#broken || this.gone) return
    this.#broken = true
    this.#real.terminate()
    queueMicrotask(() => this.#tell({ type: "close", code: 1006 }))
  }

  #receive(event: MessageEvent): void {
    if (this.#broken) return
    const fate = this.#wire.pass("in")
    if (fate !== "breaks before") {
      const { type, data, id }: { type: string; data: { id?: string }; id?: string } = JSON.parse(event.data)
      if (type === "ack") this.#inFlight.delete(data.id ?? "")
      if (type === "error") this.#inFlight.delete(data.id ?? id ?? "")
      this.#tell(event)
    }
    if (fate !== "passes") this.cut()
  }

  #tell(event: SocketEvent): void {
    for (const { type, listener } of this.#listeners) if (type === event.type) listener(event)
  }
}
