// Loads a handler that somebody else wrote: a module by its path, or a package by its name.
import { isAbsolute, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { plugin } from "bun"
import { z } from "zod"
import { type Clock, delay, systemClock } from "../clock.ts"
import type { Handler } from "./handler.ts"

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

/** Milliseconds; a module that waits for something as it is loaded must not hold up the start for ever. */
const loadWithin = 30_000

let offered = false

/** A module may import the contract by this name from anywhere, also from a folder that has no node_modules. */
function offerContract(): void {
  if (offered) return
  offered = true
  plugin({
    name: "bisheng-chat",
    setup(build) {
      build.module("bisheng-chat/handler", async () => ({ exports: await import("./handler.ts"), loader: "object" }))
    },
  })
}

/** Loads the default export of the module `name`; a path is taken from the working directory. Null: there is no such module. */
export async function loadHandler(name: string, clock: Clock = systemClock): Promise<Loaded | null> {
  const location = locate(name)
  if (location === null) return null
  offerContract()
  let module: unknown
  try {
    module = await within(import(location), clock)
  } catch (error) {
    return { problem: `'${name}' cannot be loaded: ${reasonOf(error)}` }
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

/** The address of a module or package; null: there is none. */
export function locate(name: string): string | null {
  const folder = process.cwd()
  const isPath = name.startsWith("./") || name.startsWith("../") || isAbsolute(name)
  try {
    return pathToFileURL(Bun.resolveSync(isPath ? resolve(folder, name) : name, folder)).href
  } catch {
    return null
  }
}

function isHandler(value: unknown): value is Handler {
  return faultsOfHandler(value).length === 0
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === "object" && value !== null && name in value
}
