// A server of tools for tests, on the protocol's own SDK: `bun mcp-tools.ts` by standard input and output, with a port by HTTP.
// What its tools did is in the file NOTES, a line each.
import { appendFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { z } from "zod"

const note = (line: string) => appendFileSync(process.env.NOTES ?? "/dev/null", `${line}\n`)
const said = (text: string) => ({ content: [{ type: "text" as const, text }] })

function toolServer(): McpServer {
  const server = new McpServer({ name: "notes", version: "1.0.0" })
  const texts = { text: z.string() }
  server.registerTool("note", { description: "Writes a note.", inputSchema: texts }, ({ text }) => {
    note(`noted ${text}`)
    return said(`noted ${text}`)
  })
  server.registerTool("hang", { description: "Never ends.", inputSchema: {} }, (_, { signal }) => {
    note("hanging")
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        note("cancelled")
        resolve(said("cancelled"))
      })
    })
  })
  server.registerTool("big", { description: "Says much.", inputSchema: { size: z.int() } }, ({ size }) =>
    said("x".repeat(size)),
  )
  server.registerTool("fail", { description: "Fails.", inputSchema: {} }, () => {
    throw new Error("the disk is full")
  })
  server.registerTool("die", { description: "Ends the server.", inputSchema: {} }, () => process.exit(1))
  return server
}

const sessions = new Map<string, StreamableHTTPServerTransport>()

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = request.headers["mcp-session-id"]
  const known = typeof id === "string" ? sessions.get(id) : undefined
  if (known) return known.handleRequest(request, response)
  if (id !== undefined) {
    response.writeHead(404).end()
    return
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    onsessioninitialized: (session) => void sessions.set(session, transport),
    onsessionclosed: (session) => {
      note("session closed")
      sessions.delete(session)
    },
  })
  await toolServer().connect(transport)
  await transport.handleRequest(request, response)
}

const port = process.argv[2]
if (port === undefined) {
  note(`pid ${process.pid}`)
  await toolServer().connect(new StdioServerTransport())
} else {
  createServer((request, response) => void handle(request, response)).listen(Number(port), "127.0.0.1", () =>
    process.stdout.write("ready\n"),
  )
}
