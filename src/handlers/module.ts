// Loads a handler that somebody else wrote: a module by its path, or a package by its name.
import { isAbsolute, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { z } from "zod"
import type { Handler } from "./handler.ts"

const Shape = z.looseObject(
  {
    name: z.string().min(1),
    description: z.string(),
    // Not `instanceof`: a plug-in may bring its own copy of zod.
    options: z.custom((options) => has(options, "safeParseAsync"), "must be a zod schema"),
    run: z.custom((run) => typeof run === "function", "must be a function"),
  },
  "must be made by defineHandler",
)

export type Loaded = Readonly<{ handler: Handler }> | Readonly<{ problem: string }>

/** Loads the default export of the module `name`; a path is taken from the working directory. Null: there is no such module. */
export async function loadHandler(name: string): Promise<Loaded | null> {
  const location = locate(name)
  if (location === null) return null
  let module: unknown
  try {
    module = await import(location)
  } catch (error) {
    return { problem: `'${name}' cannot be loaded: ${error instanceof Error ? error.message : String(error)}` }
  }
  const handler = has(module, "default") ? module.default : undefined
  if (isHandler(handler)) return { handler }
  return { problem: `the default export of '${name}' is not a handler: ${faultsOf(handler).join("; ")}` }
}

function locate(name: string): string | null {
  const folder = process.cwd()
  const isPath = name.startsWith("./") || name.startsWith("../") || isAbsolute(name)
  try {
    return pathToFileURL(Bun.resolveSync(isPath ? resolve(folder, name) : name, folder)).href
  } catch {
    return null
  }
}

function isHandler(value: unknown): value is Handler {
  return faultsOf(value).length === 0
}

function faultsOf(value: unknown): string[] {
  const issues = Shape.safeParse(value).error?.issues ?? []
  return issues.map(({ path, message }) => [...path.map(String), message].join(" "))
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === "object" && value !== null && name in value
}
