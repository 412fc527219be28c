// Tools from servers that speak MCP. Connections are kept between turns, shared by all chats, and reopened when they died.
import type { Clock } from "../../clock.ts"
import { ChatError } from "../../errors.ts"
import type { Log } from "../../log.ts"
import { createDeadline } from "../deadline.ts"
import { raced } from "../raced.ts"
import { goneWords } from "./mcp-breaks.ts"
import { type MCPClient, openMcpClient } from "./mcp-client.ts"
import { resultOf } from "./mcp-result.ts"
import type { McpServer } from "./options.ts"
import type { ReadyTool } from "./tool.ts"

export interface McpDeps {
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly log: Log
  /** For opening a connection, and for listing the tools. */
  readonly timeout_s: number
}

type Definition = Awaited<ReturnType<MCPClient["listTools"]>>["tools"][number]

/** A server that lists for ever. */
const maxPages = 20

/** By what the configuration says of them: flows that say the same share a connection. */
const kept = new Map<string, Promise<MCPClient>>()

/** The tools of all these servers. Throws `tools_unavailable` with the name of one that is not there. */
export async function mcpTools(servers: Readonly<Record<string, McpServer>>, deps: McpDeps): Promise<ReadyTool[]> {
  const lists = await Promise.all(Object.entries(servers).map(([name, server]) => toolsOf(name, server, deps)))
  return lists.flat()
}

/** Closes all connections; programs that were started end. */
export async function closeMcp(): Promise<void> {
  const clients = [...kept.values()]
  kept.clear()
  await Promise.all(clients.map(dismiss))
}

/** Asks for the list in each turn: that shows a connection which died since, when nothing is lost by opening another. */
async function toolsOf(name: string, server: McpServer, deps: McpDeps): Promise<ReadyTool[]> {
  const key = JSON.stringify(server)
  const before = kept.get(key)
  const first = before && (await tried(key, before, deps))
  if (first && "tools" in first) return first.tools.map((tool) => readyTool(name, first.client, tool))
  // Another chat may have opened a new one meanwhile.
  const opening = kept.get(key) ?? open(key, server, deps)
  const second = await tried(key, opening, deps)
  if ("tools" in second) return second.tools.map((tool) => readyTool(name, second.client, tool))
  throw new ChatError("tools_unavailable", { params: { name }, cause: second.fault })
}

function open(key: string, server: McpServer, { clock, timeout_s, log }: McpDeps): Promise<MCPClient> {
  const deadline = createDeadline(clock)
  deadline.arm(timeout_s)
  // Not with the signal of the turn: others may wait for the same connection.
  const opening = openMcpClient(server, deadline.signal, log).finally(() => deadline.disarm())
  kept.set(key, opening)
  return opening
}

type Tried = Readonly<{ client: MCPClient; tools: Definition[] }> | Readonly<{ fault: Error }>

async function tried(key: string, opening: Promise<MCPClient>, deps: McpDeps): Promise<Tried> {
  const { clock, signal, timeout_s } = deps
  const deadline = createDeadline(clock)
  try {
    const client = await raced(opening, signal)
    deadline.arm(timeout_s)
    return { client, tools: await listed(client, AbortSignal.any([signal, deadline.signal])) }
  } catch (error) {
    // Who stopped the turn says nothing about the server.
    if (!signal.aborted && kept.get(key) === opening) {
      kept.delete(key)
      void dismiss(opening)
    }
    return { fault: faultOf(error) }
  } finally {
    deadline.disarm()
  }
}

async function listed(client: MCPClient, signal: AbortSignal): Promise<Definition[]> {
  const tools: Definition[] = []
  let cursor: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const found = await client.listTools({ ...(cursor && { params: { cursor } }), options: { signal } })
    tools.push(...found.tools)
    cursor = found.nextCursor
    if (!cursor) break
  }
  return tools
}

async function dismiss(opening: Promise<MCPClient>): Promise<void> {
  try {
    await (await opening).close()
  } catch {
    // It was never open, or is gone: that is what was wanted.
  }
}

/** For the log, without what the server answered, which may be long. */
function faultOf(error: unknown): Error {
  return new Error(error instanceof Error ? error.message.slice(0, 500) : "the server cannot be reached")
}

function readyTool(server: string, client: MCPClient, { name, description, inputSchema }: Definition): ReadyTool {
  return {
    name: `${server}__${name}`.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 64),
    description: description ?? name,
    schema: { ...inputSchema, type: "object", properties: inputSchema.properties ?? {} },
    needs_approval: false,
    // The server checks it (MCP, "Servers MUST validate all tool inputs"), and says what is wrong.
    check: async () => undefined,
    async run(input, { signal }) {
      const given = typeof input === "object" && input !== null ? { ...input } : {}
      return resultOf(await called(() => client.callTool({ name, arguments: given, options: { signal } })))
    },
  }

  async function called<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      // With a number it is the server's own word. Else the connection broke; to call again might do the work twice.
      if (error instanceof Error && "code" in error && typeof error.code === "number") throw error
      throw new Error(goneWords, { cause: error })
    }
  }
}
