// Finds a graph by the name of an example, the path of a module or the name of a package, and says what is wrong with it.
import { loadModule, locate } from "../load-module.ts"
import { defineGraph, type Graph, type GraphBuilder } from "./define.ts"

/** Loaded when they are asked for: LangGraph takes its time. */
const examples: Readonly<Record<string, () => Promise<unknown>>> = {
  intake: () => import("./examples/intake.ts"),
}

type Loaded = Readonly<{ graph: Graph }> | Readonly<{ problem: string }>

const loaded = new Map<string, Promise<Loaded>>()

/** The graph, once loaded for good. */
export function loadGraph(name: string): Promise<Loaded> {
  const before = loaded.get(name)
  if (before) return before
  const loading = load(name)
  loaded.set(name, loading)
  return loading
}

export function isExample(name: string): boolean {
  return Object.hasOwn(examples, name)
}

/** What is wrong with a graph, as the operator has to know it at start-up: it is built once for that. */
export async function problemOf(name: string, options: Readonly<Record<string, unknown>>): Promise<string | null> {
  const found = await loadGraph(name)
  if ("problem" in found) return found.problem
  try {
    const { MemorySaver } = await import("@langchain/langgraph-checkpoint")
    const builder = await builderOf(found.graph, options)
    builder.compile({ checkpointer: new MemorySaver() })
    return null
  } catch (error) {
    return `the graph of '${name}' cannot be built: ${messageOf(error)}`
  }
}

/** Builds the graph. Throws an Error that says what is wrong with it. */
export async function builderOf(graph: Graph, options: Readonly<Record<string, unknown>>): Promise<GraphBuilder> {
  const builder: unknown = await graph.build({ options })
  // A compiled graph keeps its checkpoints itself, or nowhere; its builder is what is wanted.
  const wanted = has(builder, "builder") ? builder.builder : builder
  if (isBuilder(wanted)) return wanted
  throw new Error("it gives no StateGraph")
}

async function load(name: string): Promise<Loaded> {
  const location = isExample(name) ? "" : locate(name)
  if (location === null) {
    return {
      problem: `there is no example, module or package '${name}'; examples are ${Object.keys(examples).join(", ")}`,
    }
  }
  let module: unknown
  try {
    module = await (examples[name]?.() ?? loadModule(location))
  } catch (error) {
    return { problem: `'${name}' cannot be loaded: ${messageOf(error)}` }
  }
  return graphOf(module, name)
}

/** A module's default export: made by defineGraph, a StateGraph, or a function that gives one, with `input` and `output` beside it. */
function graphOf(module: unknown, name: string): Loaded {
  const given = has(module, "default") ? module.default : undefined
  if (isGraph(given)) return { graph: given }
  const beside = { ...callable(module, "input"), ...callable(module, "output") }
  const about = { name, description: `the graph of ${name}`, ...beside }
  if (isFunction(given)) return { graph: defineGraph({ ...about, build: (options) => given(options) }) }
  const builder = has(given, "builder") ? given.builder : given
  if (isBuilder(builder)) return { graph: defineGraph({ ...about, build: () => builder }) }
  return {
    problem: `the default export of '${name}' is not a graph: must be a StateGraph, a function that gives one, or made by defineGraph`,
  }
}

function callable<Name extends "input" | "output">(module: unknown, name: Name): Pick<Graph, Name> | object {
  return has(module, name) && isFunction(module[name]) ? { [name]: module[name] } : {}
}

function isGraph(value: unknown): value is Graph {
  return has(value, "build") && isFunction(value.build) && has(value, "name") && typeof value.name === "string"
}

function isBuilder(value: unknown): value is GraphBuilder {
  return has(value, "compile") && isFunction(value.compile) && has(value, "channels")
}

function isFunction(value: unknown): value is (...given: readonly unknown[]) => GraphBuilder {
  return typeof value === "function"
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === "object" && value !== null && name in value
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
