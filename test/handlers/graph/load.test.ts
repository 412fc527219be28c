// Graphs by name, path and package: what is wrong with one is said at start-up; and LangGraph is loaded by who uses it.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { ConfigError, loadConfig } from "../../../src/config.ts"
import { createRegistry } from "../../../src/handlers/registry.ts"
import { Config } from "../../../src/settings.ts"
import { temporaryFolder } from "../../support/process.ts"
import { graphAt, graphScene } from "./scene.ts"

async function problemOf(graph: string, options: object = {}): Promise<string> {
  const flow = { flow_id: "w", chat_type: "WORKFLOW" as const, handler: "graph", options: { graph, ...options } }
  try {
    await createRegistry(Config.parse({ flows: [flow] }))
    return ""
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.join("\n")
    throw error
  }
}

test("a graph may be made by defineGraph, be a StateGraph or a function that gives one; an example has a name", async () => {
  for (const name of [graphAt("line"), graphAt("talk"), graphAt("fork"), "intake"])
    expect(await problemOf(name)).toBe("")
})

test("what is wrong with a graph is named at start-up, with the flow and the file", async () => {
  await using folder = await temporaryFolder()
  const langgraph = JSON.stringify(Bun.resolveSync("@langchain/langgraph", import.meta.dir))
  const builder = `import { Annotation, START, StateGraph } from ${langgraph}\nconst graph = new StateGraph(Annotation.Root({}))`
  const modules: Record<string, [source: string, problem: RegExp]> = {
    "throws.ts": ["throw new Error('no key')", /cannot be loaded: no key/],
    "none.ts": ["export const graph = 1", /is not a graph: must be a StateGraph/],
    "empty.ts": ["export default () => 5", /cannot be built: it gives no StateGraph/],
    "lost.ts": [
      `${builder}.addNode("a", () => ({})).addEdge("a", "b" as never)\nexport default graph`,
      /cannot be built: .*b/,
    ],
    "options.ts": [
      "export default ({ options }) => { throw new Error('city ' + options.city) }",
      /cannot be built: city Rome/,
    ],
  }
  for (const [name, [source, problem]] of Object.entries(modules)) {
    const path = join(folder.path, name)
    await Bun.write(path, source)
    const fault = await problemOf(path, { config: { city: "Rome" } })
    expect(fault).toStartWith("flows.0.options.graph (flow 'w', handler 'graph'): ")
    expect(fault).toContain(path)
    expect(fault).toMatch(problem)
  }
  expect(await problemOf("./not-there.ts")).toContain(
    "there is no example, module or package './not-there.ts'; examples are intake",
  )
  expect(await problemOf("intake", { recursion_limit: 0 })).toContain("flows.0.options.recursion_limit")
})

test("a relative path is taken from the configuration's file", async () => {
  await using folder = await temporaryFolder()
  await Bun.write(join(folder.path, "mine.ts"), `export { default } from ${JSON.stringify(graphAt("line"))}`)
  const flow = (graph: string) => ({ flow_id: "w", chat_type: "WORKFLOW", handler: "graph", options: { graph } })
  const file = join(folder.path, "chat.yaml")
  const registry = async (graph: string) => {
    await Bun.write(file, JSON.stringify({ flows: [flow(graph)] }))
    return createRegistry(loadConfig({ CHAT_CONFIG: file }))
  }
  expect((await registry("./mine.ts")).pick("w", "WORKFLOW")).toMatchObject({ handler: { name: "graph" } })
  await expect(registry("./other.ts")).rejects.toThrow("other.ts'; examples are intake")
  expect((await registry("intake")).pick("w", "WORKFLOW")).toMatchObject({ options: { graph: "intake" } })
})

test("LangGraph is not loaded before somebody uses a graph", async () => {
  const script = `
    const { createRegistry } = await import(${JSON.stringify(join(import.meta.dir, "../../../src/handlers/registry.ts"))})
    await createRegistry({ flows: undefined, model: {} })
    process.stdout.write(Object.keys(require.cache).filter((path) => path.includes("@langchain")).join("\\n"))`
  const child = Bun.spawn([process.execPath, "-e", script], { cwd: join(import.meta.dir, "../../.."), stdout: "pipe" })
  expect(await child.stdout.text()).toBe("")
  expect(await child.exited).toBe(0)
})

test.each([
  ["README.md", "bots/trip.ts", "Where to?", "Off to Rome!"],
  ["docs/engines.md", "graphs/trip-planner.ts", 'Where to, for "hello"?', "Off to Rome, paid in EUR!"],
])("the graph of %s runs as it stands there, in a folder that has nothing else", async (page, name, prompt, end) => {
  const text = await Bun.file(join(import.meta.dir, "../../..", page)).text()
  const [, source] = text.split(`\`\`\`ts\n// ${name}\n`)
  await using folder = await temporaryFolder()
  const path = join(folder.path, "mine.ts")
  await Bun.write(path, source?.split("```")[0] ?? expect.unreachable("no graph there"))
  await using scene = await graphScene("mine", {}, { graph: path, config: { currency: "EUR" } })
  const asked = await scene.turn(null, { text: "hello" })
  expect(asked.question).toMatchObject({ prompt, fields: [{ key: "city" }] })
  const booked = await scene.turn(asked.checkpoint, { answer: { city: "Rome" } })
  expect(booked).toMatchObject({ error: undefined, text: end })
})
