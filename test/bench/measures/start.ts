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

interface Start {
  /** Milliseconds until a connection was accepted. */
  readonly accepted: number
  /** And until a request was answered: of the service, /readyz, which asks the database. */
  readonly answered: number
}

export async function start(times = 15): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-bench-"))
  try {
    if ((await Bun.spawn([process.execPath, join(root, "src/commands/build.ts")]).exited) !== 0)
      throw new Error("no build")
    await seedDatabase(folder, { chats: 100, events: 30, flow_id: "quiet" })
    await Bun.write(join(folder, "bare.ts"), bare)
    const built: Start[] = []
    const sources: Start[] = []
    const limit: Start[] = []
    const service = { DATA_DIR: folder, LOG_LEVEL: "error" }
    // In turn, so that what else the machine does meets all of them.
    for (let n = 0; n < times; n++) {
      built.push(await startOf(join(root, "dist/main.js"), service))
      limit.push(await startOf(join(folder, "bare.ts"), {}))
      sources.push(await startOf(join(root, "src/main.ts"), service))
    }
    const row = (what: string, value: number, unit: string, target?: Row["target"]): Row => ({
      ...{ measure: "start", what, value, unit },
      ...(target ? { target } : {}),
    })
    const p50 = (starts: readonly Start[], of: keyof Start) =>
      quantile(
        starts.map((one) => one[of]),
        0.5,
      )
    return [
      row("start to first accepted connection, existing database, p50", p50(built, "accepted"), "ms"),
      row("  bare Bun server", p50(limit, "accepted"), "ms"),
      row("  ratio", p50(built, "accepted") / p50(limit, "accepted"), "x", { at_most: 8 }),
      row("  until /readyz is answered: REST is loaded, and the database asked", p50(built, "answered"), "ms"),
      row("  bare Bun server", p50(limit, "answered"), "ms"),
      row("  from the sources, as `bun run dev` starts it", p50(sources, "accepted"), "ms"),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function startOf(file: string, env: Record<string, string>): Promise<Start> {
  const port = freePort()
  const begun = performance.now()
  const child = Bun.spawn([process.execPath, file], {
    env: { PATH: Bun.env.PATH ?? "", HOME: Bun.env.HOME ?? "/", PORT: String(port), ...env },
    stdio: ["ignore", "ignore", "inherit"],
  })
  try {
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const accepted = performance.now() - begun
    const { status } = await fetch(`http://127.0.0.1:${port}/readyz`)
    if (status !== 200) throw new Error(`${file} is not ready: ${status}`)
    return { accepted, answered: performance.now() - begun }
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
