// The handler contract for every handler there is, and for one with a script.
import { join } from "node:path"
import { z } from "zod"
import { delay } from "../../src/clock.ts"
import agUi, { AgUiOptions } from "../../src/handlers/ag-ui/ag-ui.ts"
import assistant from "../../src/handlers/assistant/assistant.ts"
import { AssistantOptions } from "../../src/handlers/assistant/options.ts"
import echo, { EchoOptions } from "../../src/handlers/echo.ts"
import graph, { GraphOptions } from "../../src/handlers/graph.ts"
import { defineHandler } from "../../src/handlers/handler.ts"
import model, { ModelOptions } from "../../src/handlers/model.ts"
import { openGraphCheckpoints } from "../../src/store/graph-checkpoints.ts"
import { noServices } from "../handlers/context.ts"
import { finished, saying, startAgent } from "../support/ag-ui-server.ts"
import { openTestDatabase } from "../support/database.ts"
import { notes } from "../support/mcp-server.ts"
import { startModelServer } from "../support/model-server.ts"
import { registerHandlerContract } from "./handler.contract.ts"

registerHandlerContract("echo", {
  make: async () => ({
    handler: echo,
    options: EchoOptions.parse({}),
    endless: EchoOptions.parse({ delay_ms: 1000 }),
    async [Symbol.asyncDispose]() {},
  }),
})

registerHandlerContract("graph", {
  async make() {
    const db = await openTestDatabase()
    const at = (name: string, config: object) =>
      GraphOptions.parseAsync({ graph: join(import.meta.dir, `../support/graphs/${name}.ts`), config })
    return {
      handler: graph,
      options: await at("talk", { whole: true }),
      endless: await at("talk", { endless: true }),
      asking: await at("fork", { file: join(db.folder, "effects") }),
      services: { ...noServices, graphs: openGraphCheckpoints(db) },
      [Symbol.asyncDispose]: async () => db[Symbol.asyncDispose](),
    }
  },
})

registerHandlerContract("model", {
  async make() {
    const server = await startModelServer()
    const slow = { model: "slow", userMessage: /.*/s }
    server.mock.on(slow, { content: "word ".repeat(500) }, { chunkSize: 5, latency: 10 })
    const repeat = ({ messages }: { messages: { content: unknown }[] }) => ({
      content: `You said: ${messages.at(-1)?.content}`,
      reasoning: "Let me repeat it.",
    })
    // Pieces of one UTF-16 unit: every pair is cut in two.
    server.mock.on({}, repeat, { chunkSize: 1 })
    return {
      handler: model,
      options: ModelOptions.parse({ base_url: server.url }),
      endless: ModelOptions.parse({ base_url: server.url, model: "slow" }),
      quiet: server.abandoned,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
})

registerHandlerContract("assistant", {
  async make() {
    const server = await startModelServer()
    const slow = { model: "slow", userMessage: /.*/s }
    server.mock.on(slow, { content: "word ".repeat(500) }, { chunkSize: 5, latency: 10 })
    const call = { name: "files__note", arguments: '{"text":"it"}', id: "call_1" }
    server.mock.on({ hasToolResult: false }, () => ({ content: "A note first.", toolCalls: [call] }))
    const repeat = ({ messages }: { messages: { role: string; content: unknown }[] }) => ({
      content: `You said: ${messages.findLast(({ role }) => role === "user")?.content}`,
    })
    server.mock.on({}, repeat, { chunkSize: 1 })
    const files = { command: process.execPath, args: [notes] }
    const options = await AssistantOptions.parseAsync({ base_url: server.url, mcp_servers: { files } })
    return {
      handler: assistant,
      options,
      endless: { ...options, model: "slow" },
      asking: { ...options, needs_approval: ["*"] },
      quiet: server.abandoned,
      async [Symbol.asyncDispose]() {
        await assistant.close?.()
        await server[Symbol.asyncDispose]()
      },
    }
  },
})

registerHandlerContract("ag_ui", {
  async make() {
    const agent = await startAgent(async function* (input, { signal }) {
      const { kind } = input.forwardedProps
      yield* saying(`You said: ${input.messages.at(-1)?.content}`, "m1", 1)
      if (kind === "endless") await new Promise((resolve) => signal.addEventListener("abort", resolve))
      const outcome = { type: "interrupt", interrupts: [{ id: "i1", reason: "input" }] }
      yield finished(input, kind === "asking" ? { outcome } : {})
    })
    const options = (kind: string) => AgUiOptions.parse({ url: agent.url, forwarded_props: { kind } })
    return {
      handler: agUi,
      options: options("echo"),
      endless: options("endless"),
      asking: options("asking"),
      quiet: agent.abandoned,
      [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
    }
  },
})

const Script = z.strictObject({ ending: z.enum(["end", "wait", "ask"]).default("end") })

const scripted = defineHandler({
  name: "scripted",
  description: "Uses every event there is.",
  options: Script,
  async *run({ message, options, signal, clock }) {
    if (signal.aborted) return
    yield { type: "reasoning", text: "First a look." }
    const tool = { tool_call_id: "1", name: "search", input: { q: message.message ?? "" } }
    yield { type: "tool", tool: { ...tool, state: "running" } }
    if (options.ending === "wait") await delay(clock, 60_000, signal)
    if (signal.aborted) return
    yield { type: "tool", tool: { ...tool, state: "completed", output: ["found"] } }
    yield { type: "step", step: { step_id: "1", name: "write", state: "running" } }
    yield { type: "text", text: message.message ?? "" }
    yield { type: "step", step: { step_id: "1", name: "write", state: "completed" } }
    yield { type: "title", title: "A script" }
    yield { type: "usage", usage: { total_tokens: 3 } }
    yield { type: "checkpoint", checkpoint: { at: "end" } }
    if (options.ending === "ask") yield { type: "question", prompt: "Go on?", schema: { type: "boolean" } }
  },
})

registerHandlerContract("a handler with a script", {
  make: async () => ({
    handler: scripted,
    options: Script.parse({}),
    endless: Script.parse({ ending: "wait" }),
    asking: Script.parse({ ending: "ask" }),
    async [Symbol.asyncDispose]() {},
  }),
})
