// The service and its commands as real processes, as an operator starts them: bun src/main.ts, with an environment of their own.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const root = join(import.meta.dir, "../..")

export interface Finished {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Where it is started: relative paths are relative to it. */
  readonly cwd?: string
}

export interface ServiceOptions extends RunOptions {
  /** What is started, from the root of the tree. */
  readonly file?: string
}

/** Runs a file of src/ to its end. */
export async function run(
  file: string,
  args: readonly string[],
  { env = {}, cwd = root }: RunOptions,
): Promise<Finished> {
  const child = Bun.spawn([process.execPath, join(root, "src", file), ...args], {
    cwd,
    env: environment(env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, out, err }
}

export interface ServiceProcess extends AsyncDisposable {
  /** As the start-up block tells it. */
  readonly url: string
  readonly pid: number
  /** What it said so far, on standard output and on standard error. */
  readonly out: string
  readonly err: string
  /** Lines of the log, parsed. */
  readonly log: Record<string, unknown>[]
  kill(signal: NodeJS.Signals): void
  /** Tells a process that listens for messages of its parent. */
  tell(message: object): void
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>
}

/** Starts the service and resolves when it says that it is ready; rejects with its words when it ends instead. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { env = {}, cwd = root, file = "src/main.ts" } = options
  const child = Bun.spawn([process.execPath, join(root, file)], {
    cwd,
    env: environment({ PORT: "0", ...env }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    ...(file === "src/main.ts" ? {} : { ipc: () => undefined }),
  })
  const said = { out: "", err: "" }
  const ready = Promise.withResolvers<string>()
  const read = async (stream: ReadableStream<Uint8Array>, name: "out" | "err") => {
    const decoder = new TextDecoder()
    for await (const bytes of stream) {
      said[name] += decoder.decode(bytes, { stream: true })
      const [, url] = /listens on\s+(http:\S+)[\s\S]*\n\n/.exec(said.out) ?? []
      if (url) ready.resolve(url)
    }
  }
  const reading = Promise.all([read(child.stdout, "out"), read(child.stderr, "err")])
  const exited = Promise.all([child.exited, reading]).then(() => child.exitCode)
  exited.then(
    (code) => ready.reject(new Error(`ended with ${code}: ${said.out}${said.err}`)),
    (error: unknown) => ready.reject(error),
  )
  const url = await ready.promise
  return {
    url,
    pid: child.pid,
    get out() {
      return said.out
    },
    get err() {
      return said.err
    },
    get log() {
      const lines = said.err.split("\n").slice(0, -1)
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    },
    kill: (signal) => child.kill(signal),
    tell: (message) => void (child.exitCode === null && child.signalCode === null && child.send(message)),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL")
      await exited
    },
  }
}

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "bisheng-chat-test-"))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Nothing of the machine's own settings reaches the process. */
function environment(env: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: Bun.env.PATH ?? "", HOME: Bun.env.HOME ?? "/", ...env }
}
