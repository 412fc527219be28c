// What a tool of an assistant is: a name, what it takes, what it does. Plug-in modules make theirs with defineTool.
import { z } from "zod"
import type { Log } from "../../log.ts"
import type { Session } from "../../protocol/session.ts"

// A module of tools needs no other import than this file, as "bisheng-chat/tool".
export { z } from "zod"

export interface ToolContext {
  /** Aborts on stop and when the tool takes too long. */
  readonly signal: AbortSignal
  readonly session: Session
  readonly log: Log
}

export interface Tool<Input extends z.ZodType = z.ZodType> {
  /** As the model calls it. */
  readonly name: string
  /** Tells the model what it does and when to use it. */
  readonly description: string
  /** An object; what the model, or the person who approves, gives is checked against it. */
  readonly input: Input
  /** A person is asked each time before it runs. */
  readonly needs_approval?: boolean
  /** What it gives back goes to the model as text or JSON. Throw an Error to tell the model, and the person, what went wrong. */
  run(input: z.infer<Input>, context: ToolContext): unknown
}

/** Gives a tool its types; a module's default export is one, a list or a record of them. */
export function defineTool<Input extends z.ZodType>(tool: Tool<Input>): Tool<Input> {
  return tool
}

/** A tool that can be called, wherever it comes from. */
export interface ReadyTool {
  readonly name: string
  readonly description: string
  /** JSON Schema of what it takes. */
  readonly schema: Readonly<Record<string, unknown>>
  readonly needs_approval: boolean
  /** What is wrong with this input; undefined: nothing that can be seen from here. */
  check(input: unknown): Promise<string | undefined>
  run(input: unknown, context: ToolContext): Promise<unknown>
}

/** Names that every service takes for a function. */
export const toolName = /^[A-Za-z0-9_-]{1,64}$/

const Shape = z.looseObject(
  {
    name: z.string().regex(toolName, "must be 1 to 64 of A-Z a-z 0-9 _ -"),
    description: z.string().min(1),
    // Not `instanceof`: a plug-in may bring its own copy of zod.
    input: z.custom((input) => typeof input === "object" && input !== null && "_zod" in input, "must be a zod schema"),
    needs_approval: z.boolean().optional(),
    run: z.custom((run) => typeof run === "function", "must be a function"),
  },
  "must be made by defineTool",
)

/** Why this is no tool. */
export function toolFaults(value: unknown): string[] {
  const result = Shape.safeParse(value)
  if (!result.success) return result.error.issues.map(({ path, message }) => [...path.map(String), message].join(" "))
  if (!isTool(value)) return ["must be made by defineTool"]
  try {
    return schemaOf(value).type === "object" ? [] : ["input must be an object"]
  } catch (error) {
    return [`input cannot be told to a model: ${error instanceof Error ? error.message : String(error)}`]
  }
}

export function isTool(value: unknown): value is Tool {
  return Shape.safeParse(value).success
}

export function isReady(value: unknown): value is ReadyTool {
  return typeof value === "object" && value !== null && "check" in value && "schema" in value && "run" in value
}

/** A plug-in's tool, ready to be called. */
export function readyTool(tool: Tool): ReadyTool {
  const { name, description, needs_approval = false } = tool
  return {
    ...{ name, description, needs_approval, schema: schemaOf(tool) },
    async check(input) {
      const { error } = await tool.input.safeParseAsync(input)
      return error && z.prettifyError(error)
    },
    run: async (input, context) => tool.run(await tool.input.parseAsync(input), context),
  }
}

function schemaOf({ input }: Tool): Record<string, unknown> {
  return z.toJSONSchema(input, { io: "input" })
}
