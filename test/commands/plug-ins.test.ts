// Plug-ins as their authors have them: files in a folder of their own, named by the configuration of a real service.
import { expect, test } from "bun:test"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { run, type ServiceProcess, startService, temporaryFolder } from "../support/process.ts"
import { until } from "../support/until.ts"

type Folder = Awaited<ReturnType<typeof temporaryFolder>>

async function write({ path }: Folder, files: Record<string, string>): Promise<Record<string, string>> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return { DATA_DIR: path, CHAT_CONFIG: join(path, "chat.yaml"), CHAT_DRAIN_TIMEOUT: "0" }
}

async function connect(
  { url }: ServiceProcess,
  { path: data_dir }: Folder,
  flow: string,
  more = "",
): Promise<TestClient> {
  const token = await issueToken(
    await resolveSecret({ data_dir }),
    { user_id: 1, role: "user", ttl_s: 600 },
    systemClock,
  )
  return new TestClient(`${url.replace("http", "ws")}/chat/${flow}?chat_id=c-${flow}${more}`, token)
}

const shout = `import { defineHandler, z } from "bisheng-chat/handler"

export default defineHandler({
  name: "shout",
  description: "says it louder",
  options: z.object({ mark: z.string().default("!") }),
  async *run({ message, options }) {
    yield { type: "text", text: \`\${(message.message ?? "").toUpperCase()}\${options.mark}\` }
  },
})
`

test("a bot in a folder that has nothing else is found by its path, and answers", async () => {
  await using folder = await temporaryFolder()
  const yaml = `flows: [{ handler: ./shout.ts, options: { mark: "!!!" } }]`
  await using service = await startService({ env: await write(folder, { "shout.ts": shout, "chat.yaml": yaml }) })
  const client = await connect(service, folder, "default")
  await client.say("hello")
  expect((await client.next("result")).data.message).toBe("HELLO!!!")
})

test("a bot, a graph and tools that come as packages are found by their names where the service is started", async () => {
  await using folder = await temporaryFolder()
  const packages = { "bot-that-shouts": shout, "@ours/graph-of-trips": trip, "tools-that-add": add }
  for (const [name, source] of Object.entries(packages)) {
    const place = join(folder.path, "node_modules", name)
    await mkdir(place, { recursive: true })
    await writeFile(join(place, "package.json"), JSON.stringify({ name, type: "module", exports: "./main.ts" }))
    await writeFile(join(place, "main.ts"), source)
  }
  const options = { base_url: "http://127.0.0.1:9/v1", tools: ["tools-that-add"] }
  const flows = [
    { handler: "bot-that-shouts", options: { mark: "?" } },
    { chat_type: "WORKFLOW", handler: "graph", options: { graph: "@ours/graph-of-trips", config: { verb: "To" } } },
    { chat_type: "ASSISTANT", handler: "assistant", options },
  ]
  const env = await write(folder, { "chat.yaml": JSON.stringify({ flows }) })
  await using service = await startService({ env, cwd: folder.path })
  expect(service.out).toContain("ASSISTANT -> assistant")
  const client = await connect(service, folder, "default")
  await client.say("hello")
  expect((await client.next("result")).data.message).toBe("HELLO?")
  const traveller = await connect(service, folder, "trip", "&chat_type=WORKFLOW")
  await traveller.say("go")
  expect((await traveller.next("end")).data.question?.prompt).toBe("Where to?")
})

const trip = `import { MessagesAnnotation, END, interrupt, START, StateGraph, Annotation } from "@langchain/langgraph"
import { AIMessage } from "@langchain/core/messages"
import { chatOf, defineGraph } from "bisheng-chat/graph"

const State = Annotation.Root({ ...MessagesAnnotation.spec, city: Annotation<string>() })

export default defineGraph({
  name: "trip",
  description: "plans a trip",
  build: () =>
    new StateGraph(State)
      .addNode("ask", () => interrupt({ prompt: "Where to?", fields: [{ type: "text", key: "city" }] }))
      .addNode("book", (state, config) => ({ messages: [new AIMessage(\`\${chatOf(config).options.verb} \${state.city}\`)] }))
      .addEdge(START, "ask")
      .addEdge("ask", "book")
      .addEdge("book", END),
})
`

test("a bot in such a folder says by an error of the service why it fails, and whether to try again", async () => {
  await using folder = await temporaryFolder()
  const busy = shout
    .replace("{ defineHandler", "{ ChatError, defineHandler")
    .replace("yield {", 'if (message.message === "fail") throw new ChatError("engine_busy")\n    yield {')
  await using service = await startService({
    env: await write(folder, { "busy.ts": busy, "chat.yaml": "flows: [{ handler: ./busy.ts }]" }),
  })
  const client = await connect(service, folder, "default")
  await client.say("fail")
  expect((await client.next("end")).data).toMatchObject({
    state: "failed",
    error: { code: "engine_busy", retry: true },
  })
})

test("a graph in a folder that has nothing else finds LangGraph, and the chat; it asks and goes on", async () => {
  await using folder = await temporaryFolder()
  const options = { graph: "./trip.ts", config: { verb: "Off to" } }
  const yaml = JSON.stringify({ flows: [{ chat_type: "WORKFLOW", handler: "graph", options }] })
  await using service = await startService({ env: await write(folder, { "trip.ts": trip, "chat.yaml": yaml }) })
  const client = await connect(service, folder, "trip", "&chat_type=WORKFLOW")
  await client.say("hello")
  const { question } = (await client.next("end")).data
  await client.send({
    type: "message",
    data: { kind: "input", input_id: question?.input_id, answer: { city: "Rome" } },
  })
  expect((await client.next("result")).data.message).toBe("Off to Rome")
})

const add = `import { defineTool, z } from "bisheng-chat/tool"
export default defineTool({ name: "add", description: "adds", input: z.object({ a: z.number() }), run: ({ a }) => a + 1 })`

test("tools in a folder that has nothing else are found from the configuration's file; one that is not there is named", async () => {
  await using folder = await temporaryFolder()
  const flow = (path: string) => ({
    handler: "assistant",
    options: { base_url: "http://127.0.0.1:9/v1", tools: [path] },
  })
  const files = { "add.ts": add, "chat.yaml": JSON.stringify({ flows: [flow("./add.ts")] }) }
  await using service = await startService({ env: await write(folder, files) })
  expect(service.out).toContain("NORMAL -> assistant")
  const env = await write(folder, { "chat.yaml": JSON.stringify({ flows: [flow("./sub.ts")] }) })
  const { code, err } = await run("main.ts", [], { env: { ...env, PORT: "0" } })
  expect([code, err]).toEqual([
    1,
    expect.stringMatching(/flows\.0\.options\.tools.*'.*sub\.ts' cannot be loaded: there is no such module/),
  ])
})

const shape = (fields: string) =>
  `export default { name: "x", description: "x", options: { safeParseAsync() {} }, run() {}, ${fields} }`

test("every bad plug-in is named at the start, with its file and what is wrong, and one of them stops the start", async () => {
  await using folder = await temporaryFolder()
  const modules: Record<string, [string, RegExp]> = {
    "good.ts": [shout, /never said/],
    "syntax.ts": ["export default {\n  name:\n}", /syntax\.ts' cannot be loaded: .*syntax\.ts:3\)/],
    "throws.ts": ["throw new Error('no licence')", /throws\.ts' cannot be loaded: no licence/],
    "throws-word.ts": ["throw 'word'", /throws-word\.ts' cannot be loaded: word/],
    "needs.ts": ["import x from './not-there.ts'\nexport default x", /needs\.ts' cannot be loaded: .*not-there\.ts/],
    "empty.ts": ["export const handler = 1", /empty\.ts' has no default export/],
    "number.ts": ["export default 7", /number\.ts' is not a handler: must be made by defineHandler/],
    "bare.ts": [
      "export default { name: 'Bare Bot', commands: [{ name: '/go', description: '' }], close: 1 }",
      /bare\.ts' is not a handler: name must be.*; description .*; commands\.0\.name must.*; commands\.0\.description .*; options must be a zod schema; run must be a function; close must be a function/,
    ],
    "twice.ts": [
      shape("commands: [{ name: 'go', description: 'x' }, { name: 'go', description: 'y' }]"),
      /commands names must differ/,
    ],
    "schema.ts": [
      shape("").replace("safeParseAsync() {}", "safeParseAsync() { throw new Error('no schema') }"),
      /flows\.\d+\.options \(flow '\w+', handler '.*schema\.ts'\): its schema cannot check them: no schema/,
    ],
    "options.ts": [shout, /flows\.\d+\.options\.mark \(flow '\w+', handler '.*options\.ts'\): .*expected string/],
  }
  const names = Object.keys(modules)
  const flows = [...names, "missing.ts"].map((name, index) => {
    const options = name === "options.ts" ? { mark: 7 } : {}
    return { flow_id: `f${index}`, handler: `./${name}`, options }
  })
  const sources = Object.fromEntries(Object.entries(modules).map(([name, [source]]) => [name, source]))
  const env = await write(folder, { ...sources, "chat.yaml": JSON.stringify({ flows }) })
  const { code, out, err } = await run("main.ts", [], { env: { ...env, PORT: "0" } })
  expect([code, out]).toEqual([1, ""])
  for (const [name, [, problem]] of Object.entries(modules)) {
    if (name !== "good.ts") expect(err).toMatch(problem)
  }
  expect(err).toContain(`there is no handler, module or package`)
  expect(err).toContain("missing.ts")
  expect(err.split("\n  flows.").length - 1).toBe(names.length)
})

test("what a plug-in does beside its run (a rejection, a timer that throws) is logged with a hint, and the service goes on", async () => {
  await using folder = await temporaryFolder()
  const careless = `export default {
    name: "careless", description: "forgets what it began", options: { safeParseAsync: async (data) => ({ success: true, data }) },
    async *run() {
      Promise.reject(new Error("nobody waits for this"))
      setTimeout(() => { throw new Error("nor for that") }, 1)
      yield { type: "text", text: "done" }
    },
  }`
  const yaml = "flows: [{ flow_id: careless, handler: ./careless.mjs }, { flow_id: shout, handler: ./shout.ts }]"
  const env = await write(folder, { "careless.mjs": careless, "shout.ts": shout, "chat.yaml": yaml })
  await using service = await startService({ env })
  const client = await connect(service, folder, "careless")
  await client.say("hello")
  expect((await client.next("end")).data.state).toBe("completed")
  await until(() => service.log.filter(({ hint }) => hint !== undefined).length === 2, "both lines of the log")
  const faults = service.log.filter(({ hint }) => hint !== undefined)
  const said = faults.map(({ err }) => (err as { message: string }).message)
  expect(said.sort()).toEqual(["nobody waits for this", "nor for that"])
  expect(String(faults[0]?.hint)).toContain("plug-in")
  const other = await connect(service, folder, "shout")
  await other.say("hello")
  expect((await other.next("result")).data.message).toBe("HELLO!")
})

test("at the stop each plug-in lets go once, however many flows it serves; one that fails or hangs does not hold it up", async () => {
  await using folder = await temporaryFolder()
  const closing = (name: string, close: string) => `import { appendFileSync } from "node:fs"
export default {
  name: "${name}", description: "closes", options: { safeParseAsync: async (data) => ({ success: true, data }) },
  async *run() { yield { type: "text", text: "x" } },
  async close() { appendFileSync(${JSON.stringify(join(folder.path, "closed"))}, "${name} "); ${close} },
}`
  const handlers = ["good", "good", "fails", "hangs"]
  const flows = handlers.map((name, index) => ({ flow_id: `f${index}`, handler: `./${name}.mjs` }))
  const env = await write(folder, {
    "good.mjs": closing("good", ""),
    "fails.mjs": closing("fails", "throw new Error('stuck')"),
    "hangs.mjs": closing("hangs", "await new Promise(() => {})"),
    "chat.yaml": JSON.stringify({ flows }),
  })
  await using service = await startService({ env })
  service.kill("SIGTERM")
  expect(await service.exited).toBe(0)
  expect((await readFile(join(folder.path, "closed"), "utf8")).trim().split(" ").sort()).toEqual([
    "fails",
    "good",
    "hangs",
  ])
  const told = service.log.filter(({ handler }) => handler !== undefined)
  expect(told.map(({ handler, level }) => [handler, level])).toEqual([
    ["fails", 50],
    ["hangs", 50],
  ])
  expect(service.log.at(-1)?.msg).toBe("stopped")
})
