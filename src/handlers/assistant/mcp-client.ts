// Opens a connection to a server of tools (MCP), by its program's standard input and output or by HTTP.
import type { MCPClient, MCPTransport } from "@ai-sdk/mcp"
import type { Log } from "../../log.ts"
import { told } from "./mcp-breaks.ts"
import { Lines, limited } from "./mcp-limits.ts"
import type { McpServer } from "./options.ts"

export type { MCPClient } from "@ai-sdk/mcp"

/** Milliseconds for the last word to a server whose connection is closed. */
const farewell = 2000

/** Connects and greets. Rejects when the server is not there, or when the signal aborts. */
export async function openMcpClient(server: McpServer, signal: AbortSignal, log: Log): Promise<MCPClient> {
  const { createMCPClient } = await import("@ai-sdk/mcp")
  // The library waits on for the answer in a stream that broke; when it is closed it does not.
  let client: MCPClient | undefined
  const close = () => void client?.close().catch(() => undefined)
  client = await createMCPClient({
    transport: "command" in server ? await openProgram(server) : atAddress(server, close),
    clientName: "bisheng-chat",
    initializationOptions: { signal },
    onUncaughtError: (error) => log.debug({ err: error }, "a server of tools said something out of turn"),
  })
  return client
}

async function openProgram({ command, args, env }: Extract<McpServer, { command: string }>) {
  const { StdioMCPTransport } = await import("@ai-sdk/mcp/mcp-stdio")
  /** Tells the program as well when a call is given up: the library only stops waiting for it (@ai-sdk/mcp 2.0.99). */
  class Program extends StdioMCPTransport {
    constructor(...[server]: ConstructorParameters<typeof StdioMCPTransport>) {
      super(server)
      // The library's own has no limit, and looks through all that has come of a line with each piece of it.
      Object.assign(this, { readBuffer: new Lines(() => void this.close()) })
    }

    override send(...[message, options]: Parameters<MCPTransport["send"]>): Promise<void> {
      const cancelled = cancellationOf(message)
      // The program may have died: then there is nobody to tell.
      const tell = () => void super.send(cancelled ?? message).catch(() => undefined)
      if (cancelled) options?.signal?.addEventListener("abort", tell, { once: true })
      return super.send(message)
    }
  }
  // Of this process's environment it gives the program PATH, HOME and the like, no secret. What the program writes to
  // standard error would tear our log.
  return new Program({ command, args: [...args], env, stderr: "ignore" })
}

function atAddress({ url, headers, transport }: Extract<McpServer, { url: string }>, close: () => void) {
  const limitedFetch = async (input: string | URL | Request, init?: RequestInit) =>
    limited(told(await sayGoodbye(input, init), { transport, body: init?.body, close }), close)
  return { type: transport, url, headers, fetch: Object.assign(limitedFetch, { preconnect: fetch.preconnect }) }
}

/** A fetch that tells the server when a call is given up, and does not wait for ever to end a session. */
async function sayGoodbye(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  if (init.method === "DELETE") return fetch(input, { ...init, signal: AbortSignal.timeout(farewell) })
  const cancelled = typeof init.body === "string" ? cancellationOf(JSON.parse(init.body)) : undefined
  if (cancelled) {
    const { signal, ...rest } = init
    const tell = () =>
      void fetch(input, { ...rest, body: JSON.stringify(cancelled), signal: AbortSignal.timeout(farewell) })
        // It may be gone: then there is nobody to tell.
        .catch(() => undefined)
    signal?.addEventListener("abort", tell, { once: true })
  }
  // The deadline is ours, not Bun's 5 minutes.
  return fetch(input, { ...init, timeout: false })
}

/** What to say when the call in this message is given up; undefined: it is no call. */
function cancellationOf(message: unknown) {
  if (typeof message !== "object" || message === null) return undefined
  if (!("method" in message && "id" in message) || message.method !== "tools/call") return undefined
  const requestId = message.id
  if (typeof requestId !== "string" && typeof requestId !== "number") return undefined
  return {
    jsonrpc: "2.0" as const,
    method: "notifications/cancelled",
    params: { requestId, reason: "The call was given up." },
  }
}
