// A handler that somebody else wrote: what its module has to export.
import { z } from "zod"
import { type Clock, systemClock } from "../clock.ts"
import type { Handler } from "./handler.ts"
import { loadModule, locate } from "./load-module.ts"

const Command = z.looseObject({
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, "must be lower case letters, digits, _ and -, without the slash"),
  description: z.string().min(1),
})
const isFunction = (value: unknown) => typeof value === "function"
const Shape = z.looseObject(
  {
    name: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, "must be lower case letters, digits, _ and -"),
    description: z.string().min(1, "must say what it does"),
    resumable: z.boolean().optional(),
    commands: z
      .array(Command)
      .max(50)
      .refine((commands) => new Set(commands.map(({ name }) => name)).size === commands.length, "names must differ")
      .optional(),
    // Not `instanceof`: a plug-in may bring its own copy of zod.
    options: z.custom((options) => has(options, "safeParseAsync"), "must be a zod schema"),
    run: z.custom(isFunction, "must be a function"),
    close: z.custom((close) => close === undefined || isFunction(close), "must be a function").optional(),
  },
  "must be made by defineHandler",
)

export type Loaded = Readonly<{ handler: Handler }> | Readonly<{ problem: string }>

/** Loads the default export of the module `name`; a path is taken from the working directory. Null: there is no such module. */
export async function loadHandler(name: string, clock: Clock = systemClock): Promise<Loaded | null> {
  const location = locate(name)
  if (location === null) return null
  let module: unknown
  try {
    module = await loadModule(location, clock)
  } catch (error) {
    return { problem: `'${name}' cannot be loaded: ${error instanceof Error ? error.message : String(error)}` }
  }
  if (!has(module, "default")) return { problem: `'${name}' has no default export; it must be a handler` }
  const handler = module.default
  if (isHandler(handler)) return { handler }
  return { problem: `the default export of '${name}' is not a handler: ${faultsOfHandler(handler).join("; ")}` }
}

/** What is wrong with the shape of a handler, each fault with the name of its field. */
export function faultsOfHandler(value: unknown): string[] {
  const issues = Shape.safeParse(value).error?.issues ?? []
  return issues.map(({ path, message }) => [path.map(String).join("."), message].filter(Boolean).join(" "))
}

function isHandler(value: unknown): value is Handler {
  return faultsOfHandler(value).length === 0
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === "object" && value !== null && name in value
}
