// Loads tools that somebody else wrote: a module by its path, or a package by its name.
import { loadModule, locate } from "../load-module.ts"
import { isTool, type Tool, toolFaults } from "./tool.ts"

export type LoadedTools = Readonly<{ tools: readonly Tool[] }> | Readonly<{ problem: string }>

/** The tools of the module's default export; a path is taken from the working directory. */
export async function loadTools(name: string): Promise<LoadedTools> {
  const location = locate(name)
  if (location === null) return { problem: `'${name}' cannot be loaded: there is no such module or package` }
  let module: unknown
  try {
    module = await loadModule(location)
  } catch (error) {
    return { problem: `'${name}' cannot be loaded: ${error instanceof Error ? error.message : String(error)}` }
  }
  const exported = typeof module === "object" && module !== null && "default" in module ? module.default : undefined
  const found = listOf(exported)
  const faults = found.flatMap((tool, place) => toolFaults(tool).map((fault) => `tool ${place + 1}: ${fault}`))
  if (found.length === 0) faults.push("there is none")
  if (faults.length > 0) return { problem: `the default export of '${name}' does not hold tools: ${faults.join("; ")}` }
  return { tools: found.filter(isTool) }
}

/** One tool, a list, or a record of them. */
function listOf(exported: unknown): unknown[] {
  if (Array.isArray(exported)) return exported
  if (typeof exported !== "object" || exported === null) return []
  return isTool(exported) || "run" in exported ? [exported] : Object.values(exported)
}
