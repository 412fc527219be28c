// An assistant with tools on a real service: a model that asks for them, servers of tools, and real sockets.
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Part } from "../../src/protocol/message.ts"
import type { ServerFrameOf } from "../../src/protocol/server-frame.ts"
import type { TestClient } from "../support/client.ts"
import { type ModelServer, startModelServer } from "../support/model-server.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { firstWords, obey } from "../support/tool-model.ts"
import { until } from "../support/until.ts"

const root = join(import.meta.dir, "../..")
const everything = join(root, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")
const tools = join(root, "test/handlers/modules/tools.ts")

interface Scene extends AsyncDisposable {
  readonly model: ModelServer
  readonly chat: TestServer
  readonly client: TestClient
  readonly flows: readonly { handler: string }[]
  /** What the tools did. */
  notes(): string[]
}

async function scene(over: object = {}): Promise<Scene> {
  const model = await startModelServer()
  obey(model)
  const folder = await mkdtemp(join(tmpdir(), "bisheng-notes-"))
  const file = join(folder, "notes")
  const program = { command: process.execPath, args: [join(root, "test/support/mcp-tools.ts")], env: { NOTES: file } }
  const options = { base_url: model.url, mcp_servers: { files: program }, tools: [tools], ...over }
  const flows = [{ chat_type: "ASSISTANT", handler: "assistant", options }]
  const chat = await startTestServer({ flows })
  return {
    ...{ model, chat, flows },
    client: await talk(chat, "c1"),
    notes: () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []).filter(isNoPid),
    async [Symbol.asyncDispose]() {
      await chat[Symbol.asyncDispose]()
      await model[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const isNoPid = (line: string) => !line.startsWith("pid")

function talk(chat: TestServer, id: string): Promise<TestClient> {
  return chat.connect({ chat: id, query: { chat_type: "ASSISTANT" } })
}

/** Says it, and gives how the turn ended with the bot's message. */
async function turn(client: TestClient, said: string | object) {
  const from = client.frames.length
  if (typeof said === "string") await client.say(said)
  else await client.ask({ type: "message", data: { kind: "input", answer: JSON.parse(JSON.stringify(said)) } })
  const end = (await client.next("end")).data
  const frames = client.frames.slice(from)
  const result = frames.findLast((frame): frame is ServerFrameOf<"result"> => frame.type === "result")
  return { end, frames, message: result?.data.message, parts: result?.data.parts ?? [] }
}

function statesOf(parts: readonly Part[]): string[] {
  return parts.flatMap((part) => (part.type === "tool" ? [part.state] : []))
}

function keyOf(end: ServerFrameOf<"end">["data"], place = 0): string {
  const field = end.question?.fields[place]
  if (!field) throw new Error("nothing was asked")
  return field.key
}

test("[P6.2] a tool call end to end: the call, its arguments and its result are streamed and kept", async () => {
  const every = { command: process.execPath, args: [everything, "stdio"] }
  await using at = await scene({ mcp_servers: { every }, prices: { input: 1, output: 2 } })
  const { end, frames, message, parts } = await turn(at.client, 'call every__get-sum {"a":2,"b":3}')
  expect(end).toMatchObject({ state: "completed", error: null })
  expect(message).toBe(`${firstWords}\n\nIt gave: The sum of 2 and 3 is 5.`)
  expect(at.client.streamed()).toBe(message ?? "")
  const call = { type: "tool", name: "every__get-sum", input: { a: 2, b: 3 } }
  expect(parts).toMatchObject([{ ...call, state: "completed", output: "The sum of 2 and 3 is 5." }])
  const told = frames.flatMap(({ type, data }) => (type === "progress" && "tool" in data ? [data.tool] : []))
  expect(told.map((tool) => ("state" in tool ? tool.state : ""))).toEqual(["running", "completed"])
  const usage = { input_tokens: 200, output_tokens: 20, total_tokens: 220, cost: 0.00024 }
  expect(frames.find(({ type }) => type === "result")?.data).toMatchObject({ usage })
})

test("[P6.2] what the model thinks before a call and after it is streamed apart from its words, and kept before them", async () => {
  await using at = await scene()
  const tool = { name: "weigh", arguments: '{"thing":"stone"}', id: "c1" }
  at.model.mock.prependFixture({
    match: { userMessage: "think", hasToolResult: false },
    response: { content: "Wait.", reasoning: "How heavy?", toolCalls: [tool] },
  })
  at.model.mock.prependFixture({
    match: { userMessage: "think", hasToolResult: true },
    response: { content: "5 kg.", reasoning: "Now I know." },
  })
  const { frames, message, parts } = await turn(at.client, "think")
  expect(message).toBe("Wait.\n\n5 kg.")
  const thought = "How heavy?\n\nNow I know."
  expect(parts).toMatchObject([
    { type: "reasoning", text: thought },
    { type: "tool", state: "completed" },
  ])
  const told = frames.flatMap(({ type, data }) =>
    type === "progress" && "kind" in data && data.kind === "reasoning" && "text" in data ? [data.text] : [],
  )
  expect(told.join("")).toBe(thought)
})

test("a tool of a plug-in module is called with its defaults, and with the chat; the next turn knows what it gave", async () => {
  await using at = await scene()
  const { parts } = await turn(at.client, 'call weigh {"thing":"stone"}')
  expect(parts).toMatchObject([
    { name: "weigh", state: "completed", output: { thing: "stone", weight: 5, unit: "kg", for: "c1" } },
  ])
  await turn(at.client, "And now?")
  expect(at.model.bodies().at(-1)).toMatchObject({
    messages: [
      { role: "user" },
      { role: "assistant", tool_calls: [{ function: { name: "weigh" } }] },
      { role: "tool", content: expect.stringContaining('"weight":5') },
      { role: "assistant", content: expect.stringContaining("It gave") },
      { role: "user", content: "And now?" },
    ],
  })
})

test("[P6.22] a call that needs approval waits; with a yes it runs, once, and the model goes on with what it gave", async () => {
  await using at = await scene({ needs_approval: ["files__*"] })
  const asked = await turn(at.client, 'call files__note {"text":"a"}')
  expect(asked.end).toMatchObject({ state: "waiting_input", reason: "question" })
  const field = { type: "confirm", label: "files__note", value: { text: "a" }, editable: true }
  expect(asked.end.question?.fields).toMatchObject([field])
  expect(statesOf(asked.parts)).toEqual(["waiting"])
  expect(at.notes()).toEqual([])
  const done = await turn(at.client, { [keyOf(asked.end)]: true })
  expect(done).toMatchObject({ end: { state: "completed" }, message: "It gave: noted a" })
  expect(done.parts).toMatchObject([
    { name: "files__note", state: "completed", input: { text: "a" }, output: "noted a" },
  ])
  expect(at.notes()).toEqual(["noted a"])
  const [waiting] = asked.parts
  expect(done.parts[0]).toMatchObject({ tool_call_id: waiting?.type === "tool" ? waiting.tool_call_id : "" })
})

test("[P6.22] the person may change the arguments along with the yes: the tool gets these, and the model is told of them", async () => {
  await using at = await scene({ needs_approval: ["*"] })
  const asked = await turn(at.client, 'call files__note {"text":"a"}')
  const done = await turn(at.client, { [keyOf(asked.end)]: { approved: true, value: { text: "b" } } })
  expect(done.parts).toMatchObject([{ state: "completed", input: { text: "b" }, output: "noted b" }])
  expect(at.notes()).toEqual(["noted b"])
  const [, call] = (at.model.bodies().at(-1) as { messages: object[] }).messages
  expect(JSON.stringify(call)).toContain(String.raw`{\"text\":\"b\"}`)
})

test("[P6.22] arguments that do not fit the tool are not run with, whoever wrote them", async () => {
  await using at = await scene({ needs_approval: ["*"] })
  for (const [call, value] of [
    ['call weigh {"thing":"stone"}', { thing: 7 }],
    ['call files__note {"text":"a"}', { words: "b" }],
  ] as const) {
    const asked = await turn(at.client, call)
    const done = await turn(at.client, { [keyOf(asked.end)]: { approved: true, value } })
    expect(done).toMatchObject({ end: { state: "completed" }, parts: [{ state: "failed", input: value }] })
  }
  // The model's own mistake is told to it at once; nobody is asked.
  const wrong = await turn(at.client, 'call drop {"what":"stone"}')
  expect(wrong).toMatchObject({ end: { state: "completed" }, parts: [{ state: "failed" }] })
  expect(wrong.message).toContain("The arguments do not fit")
  expect(at.notes()).toEqual([])
})

test("[P6.22] with a no the tool does not run, and the model is told, with the person's words", async () => {
  await using at = await scene({ needs_approval: ["*"] })
  const asked = await turn(at.client, 'call files__note {"text":"a"}')
  const done = await turn(at.client, { [keyOf(asked.end)]: { approved: false, comment: "not today" } })
  expect(done).toMatchObject({ end: { state: "completed" }, parts: [{ name: "files__note", state: "denied" }] })
  expect(done.message).toContain("not today")
  expect(at.notes()).toEqual([])
})

test("[P6.22] several calls are asked about in one question; a tool that says itself that it needs approval is among them", async () => {
  await using at = await scene({ needs_approval: ["files__*"] })
  const calls = ['call files__note {"text":"a"}', 'call weigh {"thing":"b"}', 'call drop {"thing":"c"}'].join("\n")
  const asked = await turn(at.client, calls)
  expect(statesOf(asked.parts)).toEqual(["waiting", "completed", "waiting"])
  expect(asked.end.question?.fields.map(({ label }) => label)).toEqual(["files__note", "drop"])
  const done = await turn(at.client, { [keyOf(asked.end, 0)]: false, [keyOf(asked.end, 1)]: true })
  expect(statesOf(done.parts).toSorted()).toEqual(["completed", "denied"])
  expect(done.message).toContain("dropped c")
  expect(at.notes()).toEqual([])
})

test("[P6.7] [P6.22] who says something else while a call waits is answered, and the call waits on: a later yes runs it", async () => {
  await using at = await scene({ needs_approval: ["*"] })
  const asked = await turn(at.client, 'call files__note {"text":"a"}')
  const other = await turn(at.client, "What time is it?")
  expect(other).toMatchObject({ end: { state: "completed" }, message: "You said: What time is it?" })
  expect(at.notes()).toEqual([])
  const done = await turn(at.client, { [keyOf(asked.end)]: true })
  expect(done).toMatchObject({ end: { state: "completed" }, message: "It gave: noted a" })
  expect(at.notes()).toEqual(["noted a"])
  // The answer follows what asked (P6.12): what was said besides is beside it.
  expect(at.model.bodies().at(-1)).toMatchObject({
    messages: [
      { role: "user", content: 'call files__note {"text":"a"}' },
      { role: "assistant", tool_calls: [{ function: { name: "files__note" } }] },
      { role: "tool", content: "noted a" },
    ],
  })
})

test("[P6.22] one call may be refused in words too; nothing runs without a yes", async () => {
  await using at = await scene({ needs_approval: ["*"] })
  await turn(at.client, 'call files__note {"text":"a"}')
  const done = await turn(at.client, "no")
  expect(done).toMatchObject({ end: { state: "completed" }, parts: [{ name: "files__note", state: "denied" }] })
  expect(at.notes()).toEqual([])
})

test("[P6.22] a service that is killed while a call waits is started again: the answer runs the tool, once", async () => {
  await using at = await scene({ needs_approval: ["*"] })
  const asked = await turn(at.client, 'call files__note {"text":"a"}')
  await at.chat.stop()
  await using again = await startTestServer({ flows: at.flows, folder: at.chat.folder })
  const back = await talk(again, "c1")
  const [start] = await back.join()
  expect(start?.data).toMatchObject({ question: { input_id: asked.end.question?.input_id } })
  const done = await turn(back, { [keyOf(asked.end)]: true })
  expect(done).toMatchObject({ end: { state: "completed" }, message: "It gave: noted a" })
  expect(at.notes()).toEqual(["noted a"])
})

test("a call that does not come to an end within max_steps ends the turn with too_many_steps; what came is kept", async () => {
  await using at = await scene({ max_steps: 3 })
  const { end, parts, message } = await turn(at.client, 'loop\ncall files__note {"text":"a"}')
  expect(end).toMatchObject({ state: "failed", error: { code: "too_many_steps" } })
  expect(statesOf(parts)).toEqual(["completed", "completed", "completed"])
  expect(message).toBe([firstWords, firstWords, firstWords].join("\n\n"))
  expect(at.notes()).toEqual(["noted a", "noted a", "noted a"])
})

test("a tool that fails, is not there, or ends its server: the model is told why and goes on", async () => {
  await using at = await scene()
  const failed = await turn(at.client, "call files__fail {}")
  expect(failed.parts).toMatchObject([{ state: "failed", output: expect.stringContaining("the disk is full") }])
  expect(failed).toMatchObject({ end: { state: "completed" }, message: expect.stringContaining("the disk is full") })
  const missing = await turn(at.client, "call nothing {}")
  expect(missing).toMatchObject({ end: { state: "completed" }, parts: [{ name: "nothing", state: "failed" }] })
  const dead = await turn(at.client, "call files__die {}")
  expect(dead.parts).toMatchObject([{ state: "failed", output: expect.stringContaining("is gone") }])
  // The next turn starts the program anew.
  expect((await turn(at.client, 'call files__note {"text":"a"}')).message).toContain("noted a")
})

test("a tool that hangs is given up after tool_timeout_s, the server is told, and the model goes on", async () => {
  await using at = await scene({ tool_timeout_s: 1 })
  const { end, parts } = await turn(at.client, "call files__hang {}")
  expect(end).toMatchObject({ state: "completed" })
  expect(parts).toMatchObject([{ state: "failed", output: "It took longer than 1 s." }])
  await until(() => at.notes().includes("cancelled"), "the tool to be told")
})

test("megabytes from a tool are cut, which is said, for the model as in what is kept", async () => {
  await using at = await scene({ max_tool_output: 1000 })
  const { end, parts, message } = await turn(at.client, 'call files__big {"size":5000000}')
  expect(end).toMatchObject({ state: "completed" })
  const cut = `${"x".repeat(1000)}\n[cut: the first 1000 of 5000000 characters]`
  expect(parts).toMatchObject([{ state: "completed", output: cut }])
  expect(message).toEndWith(`It gave: ${cut}`)
})

test("[P6.5] a stop in the middle of a tool reaches the tool, and no further request goes to the model", async () => {
  await using at = await scene()
  await at.client.say("call files__hang {}")
  await until(() => at.notes().includes("hanging"), "the tool to begin")
  await at.client.send({ type: "interrupt" })
  expect((await at.client.next("end")).data).toMatchObject({ state: "interrupted", reason: "stopped" })
  await until(() => at.notes().includes("cancelled"), "the tool to be told")
  expect((await turn(at.client, "Still there?")).message).toBe("You said: Still there?")
  expect(JSON.stringify(at.model.bodies())).not.toContain("tool_call_id")
})

test("two chats at once share the servers of tools and know nothing of each other", async () => {
  await using at = await scene({ needs_approval: ["files__note"] })
  const other = await talk(at.chat, "c2")
  const [one, two] = await Promise.all([
    turn(at.client, 'call files__note {"text":"one"}'),
    turn(other, 'call files__note {"text":"two"}'),
  ])
  const [first, second] = await Promise.all([
    turn(at.client, { [keyOf(one.end)]: true }),
    turn(other, { [keyOf(two.end)]: false }),
  ])
  expect(first.message).toBe("It gave: noted one")
  expect(statesOf(second.parts)).toEqual(["denied"])
  expect(at.notes()).toEqual(["noted one"])
})

test("a server of tools that is away fails the turn with tools_unavailable, which names it and may be tried again", async () => {
  await using at = await scene({ mcp_servers: { away: { url: "http://127.0.0.1:9/mcp" } } })
  const { end } = await turn(at.client, "Hello")
  expect(end).toMatchObject({ state: "failed", error: { code: "tools_unavailable", retry: true } })
  expect(end.error?.message).toContain("away")
})
