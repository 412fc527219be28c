// A server of tools as a process of its own, by HTTP, that a test ends and starts again.
import { join } from "node:path"
import { freePort } from "./port.ts"

const root = join(import.meta.dir, "../..")
export const everything = join(root, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")
export const notes = join(root, "test/support/mcp-tools.ts")

export interface McpProcess extends AsyncDisposable {
  readonly url: string
  /** What it said so far. */
  readonly said: string
  kill(signal: NodeJS.Signals): Promise<void>
}

/** Starts our own on the port, or the official one, and resolves when it listens. */
export async function startMcpServer(
  file: string,
  port = freePort(),
  env: Record<string, string> = {},
  transport: "http" | "sse" = "http",
): Promise<McpProcess> {
  const args = file === everything ? [transport === "sse" ? "sse" : "streamableHttp"] : [String(port)]
  const child = Bun.spawn([process.execPath, file, ...args], {
    env: { PATH: Bun.env.PATH ?? "", PORT: String(port), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  let text = ""
  const ready = Promise.withResolvers<void>()
  const read = async (said: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const bytes of said) {
      text += decoder.decode(bytes, { stream: true })
      if (/listening|ready|running on/.test(text)) ready.resolve()
    }
    throw new Error(`the server of tools ended: ${text}`)
  }
  for (const said of [child.stdout, child.stderr]) read(said).catch(ready.reject)
  await ready.promise
  return {
    url: `http://127.0.0.1:${port}/${transport === "sse" ? "sse" : "mcp"}`,
    get said() {
      return text
    },
    async kill(signal) {
      child.kill(signal)
      if (signal !== "SIGSTOP") await child.exited
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL")
      await child.exited
    },
  }
}
