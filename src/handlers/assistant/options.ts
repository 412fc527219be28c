// What the configuration may say about an assistant.
import { z } from "zod"
import { ModelOptions } from "../model.ts"
import { isReady, isTool, type ReadyTool, readyTool, type Tool } from "./tool.ts"
import { loadTools } from "./tool-modules.ts"

const text = z.string().trim().min(1)

/** A server of tools: a program that is started here, or an address. */
export const McpServer = z.union(
  [
    z.strictObject({
      command: text,
      args: z.array(z.string()).default([]),
      /** Besides PATH, HOME, USER, LOGNAME, SHELL and TERM, all that the program gets to see of the environment. */
      env: z.record(text, z.string()).default({}),
    }),
    z.strictObject({
      url: z.url({ protocol: /^https?$/ }),
      headers: z.record(text, z.string()).default({}),
      transport: z.enum(["http", "sse"]).default("http"),
    }),
  ],
  "must be { command, args?, env? } or { url, headers?, transport? }",
)
export type McpServer = z.infer<typeof McpServer>

const Named = z.union(
  [text, z.custom<Tool>(isTool), z.custom<ReadyTool>(isReady)],
  "must be a path or a package's name",
)

const Tools = z
  .array(Named)
  .default([])
  .transform(async (named, context) => {
    const tools: ReadyTool[] = []
    for (const one of named) {
      if (isReady(one)) tools.push(one)
      else {
        const loaded = typeof one === "string" ? await loadTools(one) : { tools: [one] }
        if ("tools" in loaded) tools.push(...loaded.tools.map(readyTool))
        else context.addIssue({ code: "custom", message: loaded.problem })
      }
    }
    const names = tools.map(({ name }) => name)
    const twice = names.filter((name, place) => names.indexOf(name) !== place)
    if (twice.length > 0) context.addIssue({ code: "custom", message: `two tools are called '${twice.join("', '")}'` })
    return tools
  })

export const AssistantOptions = ModelOptions.omit({ suggestions: true }).extend({
  /** By name; their tools are called `{name}__{tool}`. */
  mcp_servers: z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/), McpServer).default({}),
  /** Modules, by path (from the folder of the configuration's file) or package name, whose default export holds tools made by defineTool. */
  tools: Tools,
  /** Tools that a person has to approve of before each call; `*` stands for anything: `*`, `files__*`. */
  needs_approval: z.array(text).default([]),
  /** Requests to the model in one turn. */
  max_steps: z.int().min(1).max(1000).default(20),
  /** Seconds that a call of a tool may take, and the opening of a server of tools. */
  tool_timeout_s: z.number().positive().max(3600).default(60),
  /** Characters of what a tool gives back; what is longer is cut, and it is said so. */
  max_tool_output: z.int().min(100).max(1_000_000).default(20_000),
})
export type AssistantOptions = z.infer<typeof AssistantOptions>

/** Does one of the patterns fit the name? */
export function fits(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    return new RegExp(`^${parts.join(".*")}$`, "s").test(name)
  })
}
