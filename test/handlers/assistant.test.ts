import { afterEach, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ChatError } from "../../src/errors.ts"
import assistant from "../../src/handlers/assistant/assistant.ts"
import { resultOf } from "../../src/handlers/assistant/mcp-result.ts"
import { AssistantOptions, fits } from "../../src/handlers/assistant/options.ts"
import { everything, notes, startMcpServer } from "../support/mcp-server.ts"
import { type ModelServer, startModelServer } from "../support/model-server.ts"
import { freePort } from "../support/port.ts"
import { temporaryFolder } from "../support/process.ts"
import { firstWords, obey, usage } from "../support/tool-model.ts"
import { until } from "../support/until.ts"
import { collect, context, joined, type Run } from "./context.ts"

// Connections are kept between turns, and so would they be between tests.
afterEach(() => assistant.close?.())

const tools = "./test/handlers/modules/tools.ts"

async function say(model: ModelServer, text: string, over: object = {}, signal = new AbortController().signal) {
  const options = await AssistantOptions.parseAsync({ base_url: model.url, ...over })
  return collect(assistant.run(context({ options, text, signal })))
}

function toolsOf({ events }: Run) {
  return events.flatMap((event) => (event.type === "tool" ? [event.tool] : []))
}

function codeOf({ error }: Run): string | undefined {
  return error instanceof ChatError ? error.code : undefined
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test("the official server by HTTP: its tools are called, and images and failures become words", async () => {
  await using model = await startModelServer()
  obey(model)
  await using server = await startMcpServer(everything)
  const over = { mcp_servers: { every: { url: server.url } } }
  const sum = await say(model, 'call every__get-sum {"a":1,"b":2}', over)
  expect(joined(sum.events)).toBe(`${firstWords}\n\nIt gave: The sum of 1 and 2 is 3.`)
  const image = await say(model, "call every__get-tiny-image {}", over)
  expect(joined(image.events)).toContain("[image image/png]")
  const wrong = await say(model, 'call every__get-sum {"a":"x"}', over)
  expect(toolsOf(wrong).at(-1)).toMatchObject({ state: "failed", output: expect.stringContaining("expected number") })
})

test.each([
  ["http", "mcp"],
  ["sse", "sse"],
] as const)(
  "a server by %s that dies in the middle of a call is gone at once, and found again when it is back",
  async (transport, path) => {
    await using model = await startModelServer()
    obey(model)
    const port = freePort()
    const over = { mcp_servers: { every: { url: `http://127.0.0.1:${port}/${path}`, transport } } }
    const long = 'call every__trigger-long-running-operation {"duration":100,"steps":100}'
    for (let start = 0; start < 2; start++) {
      await using server = await startMcpServer(everything, port, {}, transport)
      const sum = await say(model, 'call every__get-sum {"a":1,"b":2}', over)
      expect(joined(sum.events)).toBe(`${firstWords}\n\nIt gave: The sum of 1 and 2 is 3.`)
      const messages = () => server.said.split(/Client Message|Received MCP POST/).length
      const before = messages()
      const cut = say(model, long, over)
      // The list of tools, and the call.
      await until(() => messages() === before + 2, "the call")
      await server.kill("SIGKILL")
      expect(toolsOf(await cut).at(-1)).toMatchObject({ state: "failed", output: expect.stringContaining("is gone") })
    }
    expect(codeOf(await say(model, "hello", over))).toBe("tools_unavailable")
  },
)

test("resources that a tool gives back become their text, or their name and address; what has a shape alone stays as it is", async () => {
  const text = resultOf({ content: [{ type: "resource", resource: { uri: "a://1", text: "words" } }] })
  const blob = resultOf({ content: [{ type: "resource", resource: { uri: "a://2", blob: "AA==" } }] })
  const link = resultOf({ content: [{ type: "resource_link", uri: "a://3", name: "plan.md" }] })
  const shape = resultOf({ content: [], structuredContent: { sum: 3 } })
  expect([text, blob, link, shape]).toEqual(["words", "[resource] a://2", "[resource] plan.md: a://3", { sum: 3 }])
  await using model = await startModelServer()
  obey(model)
  const over = { mcp_servers: { every: { command: process.execPath, args: [everything] } } }
  const { events } = await say(model, 'call every__get-resource-reference {"resourceType":"Text","resourceId":1}', over)
  expect(joined(events)).toContain("Resource 1: This is a plaintext resource")
})

test("a server by HTTP that was started again is found again, also when it forgot the session", async () => {
  await using model = await startModelServer()
  obey(model)
  const port = freePort()
  const over = { mcp_servers: { files: { url: `http://127.0.0.1:${port}/mcp` } } }
  const call = 'call files__note {"text":"a"}'
  for (let turn = 0; turn < 2; turn++) {
    await using server = await startMcpServer(notes, port)
    expect(server.url).toContain(String(port))
    expect(toolsOf(await say(model, call, over)).at(-1)).toMatchObject({ state: "completed", output: "noted a" })
  }
  expect(codeOf(await say(model, call, over))).toBe("tools_unavailable")
})

test("a server by HTTP is told when a call is stopped, and when the service closes", async () => {
  await using model = await startModelServer()
  obey(model)
  await using folder = await temporaryFolder()
  const file = join(folder.path, "notes")
  await using server = await startMcpServer(notes, freePort(), { NOTES: file })
  const read = () => (existsSync(file) ? readFileSync(file, "utf8") : "")
  const stopping = new AbortController()
  const running = say(model, "call files__hang {}", { mcp_servers: { files: { url: server.url } } }, stopping.signal)
  await until(() => read().includes("hanging"), "the tool to begin")
  stopping.abort("stopped")
  expect((await running).error).toBeUndefined()
  await until(() => read().includes("cancelled"), "the tool to be told")
  await assistant.close?.()
  await until(() => read().includes("session closed"), "the session to be closed")
})

test("a server that accepts connections and then says nothing is tools_unavailable after tool_timeout_s", async () => {
  await using model = await startModelServer()
  obey(model)
  await using server = await startMcpServer(notes)
  const over = { mcp_servers: { files: { url: server.url } }, tool_timeout_s: 0.5 }
  expect(codeOf(await say(model, "Hello", over))).toBeUndefined()
  await server.kill("SIGSTOP")
  const stuck = await say(model, "Hello", over)
  expect(codeOf(stuck)).toBe("tools_unavailable")
  expect(stuck.error).toMatchObject({ params: { name: "files" }, row: { retry: true } })
})

test("a program sees nothing of the service's environment but PATH, HOME and the like, and what env names", async () => {
  await using model = await startModelServer()
  obey(model)
  process.env.ASSISTANT_TEST_SECRET = "hush-hush"
  const env = { MARK: "seen" }
  const over = { mcp_servers: { every: { command: process.execPath, args: [everything, "stdio"], env } } }
  const { events } = await say(model, "call every__get-env {}", over)
  delete process.env.ASSISTANT_TEST_SECRET
  expect(joined(events)).toContain('"MARK": "seen"')
  expect(joined(events)).not.toContain("hush-hush")
  const names = [...joined(events).matchAll(/^\s+"(\w+)":/gm)].map(([, name]) => name)
  expect(names.filter((name) => !/^(MARK|PATH|HOME|LOGNAME|USER|SHELL|TERM)$/.test(name ?? ""))).toEqual([])
})

test("a program is started once for all turns, again when it died, and ends with the service", async () => {
  await using model = await startModelServer()
  obey(model)
  await using folder = await temporaryFolder()
  const file = join(folder.path, "notes")
  const files = { command: process.execPath, args: [notes], env: { NOTES: file } }
  const over = { mcp_servers: { files } }
  const pids = () => [...readFileSync(file, "utf8").matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid))
  await Promise.all([say(model, "Hello", over), say(model, "Hello", over)])
  await say(model, 'call files__note {"text":"a"}', over)
  expect(pids().length).toBe(1)
  process.kill(pids()[0] ?? 0, "SIGKILL")
  await until(() => !isAlive(pids()[0] ?? 0), "the program to be gone")
  expect(joined((await say(model, 'call files__note {"text":"b"}', over)).events)).toContain("noted b")
  expect(pids().length).toBe(2)
  await assistant.close?.()
  await until(() => pids().every((pid) => !isAlive(pid)), "the programs to end")
})

test("a program that is not there, or is no server of tools, is tools_unavailable with the server's name", async () => {
  await using model = await startModelServer()
  for (const program of [{ command: "/nowhere/to/be/found" }, { command: "true" }]) {
    const { error } = await say(model, "Hello", { mcp_servers: { files: program }, tool_timeout_s: 5 })
    expect(error).toMatchObject({ code: "tools_unavailable", params: { name: "files" } })
  }
})

test("a model that fails after a tool ran: the error is the service's own, what came is kept, and what it cost", async () => {
  await using model = await startModelServer()
  const refusal = { error: { message: "slow down" }, status: 429, retryAfter: 3 }
  model.mock.on({ hasToolResult: true }, refusal)
  obey(model)
  const run = await say(model, 'call weigh {"thing":"stone"}', { tools: [tools] })
  expect(run.error).toMatchObject({ code: "model_rate_limited", retry_after_ms: 3000 })
  expect(joined(run.events)).toBe(firstWords)
  expect(toolsOf(run).at(-1)).toMatchObject({ state: "completed" })
  expect(run.events).toContainEqual({
    type: "usage",
    usage: expect.objectContaining({ total_tokens: usage.total_tokens }),
  })
})

test("a model that falls silent after the tools ran is model_timeout; while they run its silence is none", async () => {
  await using model = await startModelServer()
  obey(model)
  const slow = { command: process.execPath, args: [notes] }
  const over = { mcp_servers: { files: slow }, tool_timeout_s: 1, first_token_timeout_s: 0.4, idle_timeout_s: 0.4 }
  const patient = await say(model, "call files__hang {}", over)
  expect(patient.error).toBeUndefined()
  expect(toolsOf(patient).at(-1)).toMatchObject({ state: "failed", output: "It took longer than 1 s." })

  const open = { status: 200, headers: { "content-type": "text/event-stream" }, body: "", open: true }
  const silent = await say(model, "Hello", { ...over, base_url: model.answerRaw(open) })
  expect(silent.error).toMatchObject({ code: "model_timeout", params: { seconds: 0.4 } })
})

test("calls that a service numbers anew in each step are told apart", async () => {
  await using model = await startModelServer()
  let step = 0
  model.mock.on({}, () => {
    step += 1
    const call = { name: "weigh", arguments: JSON.stringify({ thing: "x".repeat(step) }), id: "call_0" }
    return step < 3 ? { content: "", toolCalls: [call] } : { content: "Done." }
  })
  const run = await say(model, "Go", { tools: [tools] })
  const last = new Map(toolsOf(run).map((tool) => [tool.tool_call_id, tool]))
  expect([...last.values()]).toMatchObject([
    { tool_call_id: "call_0", state: "completed", output: { weight: 1 } },
    { tool_call_id: "call_0#2", state: "completed", output: { weight: 2 } },
  ])
})

test("options that cannot work are named, each with its place", async () => {
  const base_url = "http://127.0.0.1:1/v1"
  const faults = async (over: object) => {
    const { error } = await AssistantOptions.safeParseAsync({ base_url, ...over })
    return error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? []
  }
  expect(await faults({ tools: [tools] })).toEqual([])
  expect(await faults({ tools: ["./test/nowhere.ts"] })).toEqual([
    expect.stringContaining("tools: './test/nowhere.ts'"),
  ])
  expect(await faults({ tools: ["./test/handlers/modules/parrot.ts"] })).toEqual([
    expect.stringContaining("does not hold tools"),
  ])
  expect(await faults({ tools: [tools, tools] })).toEqual([expect.stringContaining("two tools are called 'weigh'")])
  expect(await faults({ mcp_servers: { files: { args: [] } } })).toEqual([
    expect.stringContaining("mcp_servers.files: must be { command"),
  ])
  expect(await faults({ max_steps: 0, needs_approval: [""] })).toHaveLength(2)
})

test("a pattern takes what its stars stand for, and nothing else by accident", () => {
  expect(fits(["*"], "anything")).toBe(true)
  expect(fits(["files__*"], "files__write")).toBe(true)
  expect(fits(["files__*"], "my_files__write")).toBe(false)
  expect(fits(["*__write*"], "files__write_all")).toBe(true)
  expect(fits(["a.c"], "abc")).toBe(false)
  expect(fits([], "anything")).toBe(false)
})
