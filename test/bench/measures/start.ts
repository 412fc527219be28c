// From the start of the process to the first connection that is accepted, on a database that exists.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../../support/port.ts"
import { seedDatabase } from "../seed.ts"
import { quantile, type Row } from "../table.ts"

const root = join(import.meta.dir, "../../..")
const bare = `Bun.serve({ hostname: "127.0.0.1", port: Number(Bun.env.PORT), fetch: () => new Response("bare"),
  websocket: { message() {} } })`

export async function start(times = 15): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-bench-"))
  try {
    await seedDatabase(folder, { chats: 100, events: 30, flow_id: "quiet" })
    await Bun.write(join(folder, "bare.ts"), bare)
    const ours: number[] = []
    const limit: number[] = []
    // In turn, so that what else the machine does meets both.
    for (let n = 0; n < times; n++) {
      ours.push(await startOf([join(root, "src/main.ts")], { DATA_DIR: folder, LOG_LEVEL: "error" }))
      limit.push(await startOf([join(folder, "bare.ts")], {}))
    }
    const row = (what: string, value: number, unit: string, target?: Row["target"]): Row => ({
      ...{ measure: "start", what, value, unit },
      ...(target ? { target } : {}),
    })
    return [
      row("start to first accepted connection, existing database, p50", quantile(ours, 0.5), "ms"),
      row("  bare Bun server", quantile(limit, 0.5), "ms"),
      row("  ratio", quantile(ours, 0.5) / quantile(limit, 0.5), "x", { at_most: 8 }),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function startOf(args: readonly string[], env: Record<string, string>): Promise<number> {
  const port = freePort()
  const begun = performance.now()
  const child = Bun.spawn([process.execPath, ...args], {
    env: { PATH: Bun.env.PATH ?? "", HOME: Bun.env.HOME ?? "/", PORT: String(port), ...env },
    stdio: ["ignore", "ignore", "inherit"],
  })
  try {
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`${args[0]} ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return performance.now() - begun
  } finally {
    child.kill("SIGKILL")
    await child.exited
  }
}

async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } })
    socket.end()
    return true
  } catch {
    // Nobody listens yet.
    return false
  }
}
