// A wire that can be cut: passes bytes on to a service until the test says otherwise.
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export class TcpProxy implements Disposable {
  readonly #wires = new Set<Socket>()
  readonly #server = createServer((near) => this.#connect(near))
  readonly #host: string
  readonly #port: number
  #up = true

  private constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#host = hostname
    this.#port = Number(port)
  }

  static async to(url: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(url)
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve))
    return proxy
  }

  /** host:port */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Breaks every connection, and lets none through until `mend`. */
  cut(): void {
    this.#up = false
    for (const wire of this.#wires) wire.destroy()
  }

  mend(): void {
    this.#up = true
  }

  [Symbol.dispose](): void {
    this.cut()
    this.#server.close()
  }

  #connect(near: Socket): void {
    if (!this.#up) {
      near.destroy()
      return
    }
    const far = connect(this.#port, this.#host)
    near.pipe(far).pipe(near)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#wires.add(one)
      one.on("error", () => other.destroy())
      one.on("close", () => {
        this.#wires.delete(one)
        other.destroy()
      })
    }
  }
}
