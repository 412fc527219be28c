// A server of tools as a process of its own, by HTTP, that a test ends and starts again.
import { join } from "node:path"
import { freePort } from "./port.ts"

const root = join(import.meta.dir, "../..")
export const everything = join(root, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")
export const notes = join(root, "test/support/mcp-tools.ts")

export interface McpProcess extends AsyncDisposable {
  readonly url: string
  kill(signal: NodeJS.Signals): Promise<void>
}

/** Starts our own on the port, or the official one, and resolves when it listens. */
export async function startMcpServer(
  file: string,
  port = freePort(),
  env: Record<string, string> = {},
): Promise<McpProcess> {
  const args = file === everything ? ["streamableHttp"] : [String(port)]
  const child = Bun.spawn([process.execPath, file, ...args], {
    env: { PATH: Bun.env.PATH ?? "", PORT: String(port), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const said = file === everything ? child.stderr : child.stdout
  const reader = said.getReader()
  const decoder = new TextDecoder()
  for (let text = ""; !/listening|ready/.test(text); ) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`the server of tools ended: ${text}`)
    text += decoder.decode(value, { stream: true })
  }
  reader.releaseLock()
  return {
    url: `http://127.0.0.1:${port}/mcp`,
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
