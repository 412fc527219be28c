// A real nats-server (Debian's package) on a free port of the loopback interface, as a child process.
import { existsSync } from "node:fs"
import { connect } from "node:net"
import { freePort } from "./port.ts"

/** Where it is, or undefined on a machine without it. */
export const natsServer: string | undefined =
  Bun.which("nats-server") ?? ["/usr/sbin/nats-server", "/usr/local/bin/nats-server"].find((path) => existsSync(path))

export interface NatsServer extends AsyncDisposable {
  readonly url: string
  /** Kills it; `start` brings it back at the same address. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Leaves it alive but deaf, and takes that back. */
  freeze(): void
  thaw(): void
}

export async function startNats(): Promise<NatsServer> {
  if (!natsServer) throw new Error("nats-server is not on this machine: apt-get install nats-server")
  const path = natsServer
  const port = freePort()
  let child: Bun.Subprocess | undefined
  const start = async () => {
    child = Bun.spawn([path, "-a", "127.0.0.1", "-p", String(port)], { stdio: ["ignore", "ignore", "pipe"] })
    await listening(port)
  }
  const kill = async () => {
    child?.kill("SIGKILL")
    await child?.exited
  }
  await start()
  return {
    ...{ url: `nats://127.0.0.1:${port}`, kill, start, [Symbol.asyncDispose]: kill },
    freeze: () => child?.kill("SIGSTOP"),
    thaw: () => child?.kill("SIGCONT"),
  }
}

/** Resolves when somebody answers there. */
export async function listening(port: number): Promise<void> {
  const until = performance.now() + 10_000
  while (performance.now() < until) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy()
        resolve(true)
      })
      socket.on("error", () => setTimeout(() => resolve(false), 20))
    })
    if (answered) return
  }
  throw new Error(`nobody listens on port ${port}`)
}
