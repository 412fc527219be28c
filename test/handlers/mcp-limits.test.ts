// Servers of tools that say far too much at once.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { closeMcp, mcpTools } from "../../src/handlers/assistant/mcp.ts"
import { McpServer } from "../../src/handlers/assistant/options.ts"
import type { ReadyTool, ToolContext } from "../../src/handlers/assistant/tool.ts"
import { silentLog } from "../../src/log.ts"
import { notes, startMcpServer } from "../support/mcp-server.ts"
import { session } from "./context.ts"

const { signal } = new AbortController()
const chat: ToolContext = { signal, session, log: silentLog }

async function toolOf(server: McpServer, name: string): Promise<ReadyTool> {
  const tools = await mcpTools({ notes: server }, { clock: systemClock, signal, log: silentLog, timeout_s: 20 })
  const found = tools.find((tool) => tool.name === `notes__${name}`)
  if (!found) throw new Error(`there is no tool ${name}`)
  return found
}

async function check(server: McpServer): Promise<void> {
  const large = await (await toolOf(server, "big")).run({ size: 10_000_000 }, chat)
  expect(String(large).length).toBe(10_000_000)
  const began = performance.now()
  await expect((await toolOf(server, "big")).run({ size: 100_000_000 }, chat)).rejects.toThrow("may or may not")
  // Not looked through again and again.
  expect(performance.now() - began).toBeLessThan(4000)
  expect(await (await toolOf(server, "note")).run({ text: "after it" }, chat)).toBe("noted after it")
}

test("100 MB of a program are not taken in: the call fails, and the next turn has its tools again", async () => {
  await check(McpServer.parse({ command: process.execPath, args: [notes] }))
  await closeMcp()
}, 20_000)

test("100 MB over HTTP are not taken in: the call fails, and the next turn has its tools again", async () => {
  await using server = await startMcpServer(notes)
  await check(McpServer.parse({ url: server.url }))
  await closeMcp()
}, 20_000)
