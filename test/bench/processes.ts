// The processes of a measurement: each server in one of its own, so that what it uses is its own and nobody else's.
import { readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Usage {
  /** User and system, since the start. */
  readonly cpu_us: number
  readonly rss: number
}

export interface Server extends AsyncDisposable {
  /** ws://127.0.0.1:port */
  readonly url: string
  readonly token: string
  /** Asks the process; resolves with what it answers. One question at a time. */
  ask<T = unknown>(request: { ask: string } & Record<string, unknown>): Promise<T>
  usage(options?: { gc: boolean }): Promise<Usage>
}

export type Runtime = "bun" | "node"

/** What a peer needs is not on this machine. */
export class NotHere extends Error {}

/** What the service forbids a guest, so that the load is what limits. */
const unlimited = {
  CHAT_CONFIG: `${import.meta.dir}/flows.yaml`,
  CHAT_DRAIN_TIMEOUT: "0",
  CHAT_RATE_LIMIT: "10000000",
  CHAT_RATE_BURST: "10000000",
  CHAT_NEW_CHATS_BURST: "1000000",
  CHAT_MAX_CONNECTIONS_PER_USER: "1000000",
  CHAT_MAX_CHATS_PER_USER: "1000000",
  CHAT_MAX_CONCURRENT_SESSIONS: "1000000",
}

/** How the image has memory collected; for the peers as well. */
const collecting = Object.fromEntries(
  readFileSync(join(import.meta.dir, "../../Dockerfile"), "utf8")
    .matchAll(/\b(BUN_JSC_\w+)=(\S+)/g)
    .map(([, name = "", value = ""]) => [name, value]),
)

/** The service on an empty database, or on what is in `DATA_DIR`. */
export function startService(env: Readonly<Record<string, string>> = {}): Promise<Server> {
  return startProcess("service.ts", "bun", { ...unlimited, ...env })
}

/** A file of peers/. */
export function startPeer(
  file: string,
  runtime: Runtime = "bun",
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  return startProcess(`peers/${file}`, runtime, { NODE_ENV: "production", ...env })
}

async function startProcess(file: string, runtime: Runtime, env: Readonly<Record<string, string>>): Promise<Server> {
  const binary = runtime === "bun" ? process.execPath : Bun.which("node")
  if (!binary) throw new NotHere(`there is no ${runtime} on this machine`)
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-bench-"))
  let answer = Promise.withResolvers<unknown>()
  const child = Bun.spawn([binary, ...profiling(runtime), join(import.meta.dir, file)], {
    env: { ...collecting, ...Bun.env, DATA_DIR: folder, PORT: "0", ...env },
    stdio: ["ignore", "inherit", "inherit"],
    serialization: "json",
    ipc: (message) => answer.resolve(message),
    onExit: (_, code) => answer.reject(new Error(`${file} ended with ${code}`)),
  })
  // Looked at by whoever asks.
  answer.promise.catch(() => undefined)
  const ask: Server["ask"] = async <T>(request: { ask: string }) => {
    answer = Promise.withResolvers()
    answer.promise.catch(() => undefined)
    child.send(request)
    return (await answer.promise) as T
  }
  const { url, token } = (await answer.promise) as { url: string; token: string }
  return {
    url,
    token,
    ask,
    usage: ({ gc } = { gc: false }) => ask<Usage>({ ask: "usage", gc }),
    async [Symbol.asyncDispose]() {
      await ask({ ask: "stop" })
      await child.exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** BENCH_PROFILE=folder: what a server did is written there as it ends. */
function profiling(runtime: Runtime): string[] {
  const folder = Bun.env.BENCH_PROFILE
  return folder && runtime === "bun" ? ["--cpu-prof", "--cpu-prof-md", `--cpu-prof-dir=${folder}`] : []
}
