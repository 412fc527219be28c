// Loads what somebody else wrote (bots, graphs, tools): a module by its path, or a package by its name.
import { dirname, isAbsolute, resolve } from "node:path"
import { fileURLToPath, pathToFileURL, plugin } from "bun"
import { type Clock, delay, systemClock } from "../clock.ts"

/** Milliseconds; a module that waits for something as it is loaded must not hold up the start for ever. */
const loadWithin = 30_000

/** What a module may import from anywhere, also from a folder that has no node_modules. */
const contracts: Readonly<Record<string, () => Promise<object>>> = {
  "bisheng-chat/handler": () => import("./handler.ts"),
  "bisheng-chat/graph": () => import("./graph/define.ts"),
  "bisheng-chat/tool": () => import("./assistant/tool.ts"),
}
/** The same, unless its folder has its own. */
const langGraph = [
  ...["@langchain/langgraph", "@langchain/langgraph/prebuilt"],
  ...["@langchain/core/messages", "@langchain/core/runnables", "@langchain/core/tools"],
]

const offered = new Set<string>()

/** The address of a module or package; a path is taken from the working directory. Null: there is none. */
export function locate(name: string): string | null {
  const folder = process.cwd()
  const isPath = name.startsWith("./") || name.startsWith("../") || isAbsolute(name)
  const path = resolved(isPath ? resolve(folder, name) : name, folder)
  return path === null ? null : pathToFileURL(path).href
}

/** The module at an address that `locate` gave. Throws an Error that says, with file and line where there are some, why not. */
export async function loadModule(location: string, clock: Clock = systemClock): Promise<unknown> {
  for (const [name, load] of Object.entries(contracts)) offer(name, load)
  const folder = dirname(fileURLToPath(location))
  for (const name of langGraph) {
    const own = resolved(name, import.meta.dir)
    // By its address: the name would lead to the offer itself.
    if (own !== null && resolved(name, folder) === null) offer(name, () => import(own))
  }
  try {
    return await within(import(location), clock)
  } catch (cause) {
    throw new Error(reasonOf(cause), { cause })
  }
}

function offer(name: string, load: () => Promise<object>): void {
  if (offered.has(name)) return
  offered.add(name)
  plugin({
    name,
    setup(build) {
      build.module(name, async () => ({ exports: { ...(await load()) }, loader: "object" }))
    },
  })
}

function resolved(name: string, folder: string): string | null {
  try {
    return Bun.resolveSync(name, folder)
  } catch {
    return null
  }
}

async function within<T>(loading: Promise<T>, clock: Clock): Promise<T> {
  const loaded = new AbortController()
  const late = delay(clock, loadWithin, loaded.signal).then(() => {
    throw new Error(`it is not loaded after ${loadWithin / 1000} s`)
  })
  // Aborted, the delay ends as well, and nobody looks at it any more.
  late.catch(() => undefined)
  try {
    return await Promise.race([loading, late])
  } finally {
    loaded.abort()
  }
}

/** Bun tells where a module cannot be parsed in fields beside the message; of several faults, in a list. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("; ")
  const message = error instanceof Error ? error.message : String(error)
  if (!has(error, "position") || !has(error.position, "line") || !has(error.position, "file")) return message
  return `${message} (${error.position.file}:${error.position.line})`
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === "object" && value !== null && name in value
}
