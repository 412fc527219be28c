// A wire with faults: passes bytes on between clients and a service, until it is told what goes wrong.
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export type Fault =
  /** Every byte comes so much later, both ways. */
  | { readonly kind: "latency"; readonly ms: number }
  /** Bytes are taken and passed to nobody. */
  | { readonly kind: "black_hole" }
  /** One way is dead and the other works; `up` is towards the service. */
  | { readonly kind: "half_open"; readonly dead: Way }
  /** What the service sends is read slowly, so that it piles up there. */
  | { readonly kind: "slow_read"; readonly bytes_per_s: number }
  /** After so many more bytes from the service the connection is reset, mostly in the middle of something. */
  | { readonly kind: "cut_after"; readonly bytes: number }
  /** The next `times` requests that contain `of` reach the service, which does what they say; their answers are lost. */
  | { readonly kind: "lost_answer"; readonly of: string; readonly times: number }
  /** Connections are reset, those that are there and new ones. */
  | { readonly kind: "refuse" }

type Way = "up" | "down"

export class FaultProxy implements Disposable {
  /** Answers that were lost so far (`lost_answer`) and are yet to be; connections that were reset by a fault; bytes that vanished. */
  readonly count = { answers: 0, resets: 0, answersToLose: 0, bytes: 0 }
  /** Every connection that is open, for faults of one alone. */
  readonly wires = new Set<Wire>()
  /** Where new connections go: host and port. */
  target: URL
  readonly #server = createServer((near) => this.#connect(near))
  #fault: Fault | null = null

  private constructor(url: string) {
    this.target = new URL(url)
  }

  static async to(url: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(url)
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve))
    return proxy
  }

  /** host:port */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What goes wrong from now on, on every connection; null: nothing any more. */
  set(fault: Fault | null): void {
    this.#fault = fault
    this.count.answersToLose = fault?.kind === "lost_answer" ? fault.times : 0
    for (const wire of [...this.wires]) wire.set(fault)
  }

  /** Breaks every connection, and lets none through until `mend`. */
  cut(): void {
    this.set({ kind: "refuse" })
  }

  mend(): void {
    this.set(null)
  }

  /** Breaks every connection that is there now. */
  reset(): void {
    for (const wire of [...this.wires]) wire.reset()
  }

  [Symbol.dispose](): void {
    this.reset()
    this.#server.close()
  }

  #connect(near: Socket): void {
    if (this.#fault?.kind === "refuse") {
      near.on("error", () => undefined)
      near.resetAndDestroy()
      return
    }
    const far = connect(Number(this.target.port), this.target.hostname)
    const wire = new Wire(near, far, this.count, () => this.wires.delete(wire))
    this.wires.add(wire)
    wire.set(this.#fault)
  }
}

/** One connection through the proxy. */
export class Wire {
  readonly #near: Socket
  readonly #far: Socket
  readonly #count: FaultProxy["count"]
  readonly #gone: () => void
  /** Bytes that wait, and whether the last of a side was among them. */
  readonly #late: Record<Way, Buffer[]> = { up: [], down: [] }
  readonly #due: Record<Way, number> = { up: 0, down: 0 }
  #fault: Fault | null = null
  /** Of `cut_after`: bytes that are left. */
  #left = 0
  /** Bytes vanished: what comes after them would make no sense. */
  #torn = false
  /** The end of what was asked since the last answer, and whether it has the word that `lost_answer` looks for. */
  #asked = ""
  #marked = false

  constructor(near: Socket, far: Socket, count: FaultProxy["count"], gone: () => void) {
    this.#near = near
    this.#far = far
    this.#count = count
    this.#gone = gone
    this.#join("up", near, far)
    this.#join("down", far, near)
  }

  set(fault: Fault | null): void {
    if (fault?.kind === "refuse" || this.#torn) {
      this.reset()
      return
    }
    this.#fault = fault
    if (fault?.kind === "cut_after") this.#left = fault.bytes
    this.#near.resume()
    this.#far.resume()
  }

  /** RST to both sides. */
  reset(): void {
    this.#gone()
    this.#count.resets += 1
    this.#near.resetAndDestroy()
    this.#far.resetAndDestroy()
  }

  #join(way: Way, from: Socket, to: Socket): void {
    let broken = false
    from.on("data", (bytes: Buffer) => this.#take(way, bytes))
    from.on("error", () => {
      broken = true
    })
    from.on("end", () => this.#swallows(way) || to.end())
    from.on("close", () => {
      // The other side of a black hole does not hear of it.
      if (this.#swallows(way)) return
      this.#gone()
      if (broken) to.resetAndDestroy()
      else to.destroy()
    })
  }

  #swallows(way: Way): boolean {
    const fault = this.#fault
    const swallows = fault?.kind === "black_hole" || (fault?.kind === "half_open" && fault.dead === way)
    this.#torn ||= swallows
    return swallows
  }

  #take(way: Way, bytes: Buffer): void {
    if (this.#swallows(way)) {
      this.#count.bytes += bytes.length
      return
    }
    const fault = this.#fault
    if (fault?.kind === "lost_answer" && this.#loses(way, bytes, fault.of)) return
    if (fault?.kind === "cut_after" && way === "down") {
      this.#left -= bytes.length
      if (this.#left <= 0) {
        this.#near.write(bytes.subarray(0, bytes.length + this.#left))
        this.reset()
        return
      }
    }
    this.#pass(way, bytes, fault?.kind === "latency" ? fault.ms : 0)
    if (fault?.kind !== "slow_read" || way !== "down") return
    this.#far.pause()
    setTimeout(() => this.#far.resume(), (bytes.length / fault.bytes_per_s) * 1000)
  }

  /** In order, also when the delay changes in between. */
  #pass(way: Way, bytes: Buffer, delay_ms: number): void {
    const now = performance.now()
    const late = this.#late[way]
    if (delay_ms === 0 && late.length === 0) {
      this.#write(way, bytes)
      return
    }
    this.#due[way] = Math.max(this.#due[way], now + delay_ms)
    late.push(bytes)
    setTimeout(() => {
      const next = late.shift()
      if (next) this.#write(way, next)
    }, this.#due[way] - now)
  }

  #write(way: Way, bytes: Buffer): void {
    const [from, to] = way === "up" ? [this.#near, this.#far] : [this.#far, this.#near]
    if (to.destroyed || to.write(bytes)) return
    from.pause()
    to.once("drain", () => from.resume())
  }

  /** Only the answer of a marked request is lost; when it comes, the request has been carried out. */
  #loses(way: Way, bytes: Buffer, of: string): boolean {
    if (way === "up") {
      this.#asked = this.#asked.slice(-of.length) + bytes.toString("latin1")
      this.#marked ||= this.#asked.includes(of)
      return false
    }
    const lost = this.#marked && this.#count.answersToLose > 0
    this.#asked = ""
    this.#marked = false
    if (!lost) return false
    this.#count.answersToLose -= 1
    this.#count.answers += 1
    this.reset()
    return true
  }
}
