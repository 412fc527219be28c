// The tools of one turn, as the AI SDK wants them: each call is checked, timed, stopped, and its output cut.
import type { ToolSet } from "ai"
import type { Clock } from "../../clock.ts"
import { createDeadline } from "../deadline.ts"
import { cutText } from "../messages.ts"
import { type AssistantOptions, fits } from "./options.ts"
import type { ReadyTool, ToolContext } from "./tool.ts"

export interface Toolbox {
  readonly tools: ToolSet
  /** What is told to the model about it. */
  describe(name: string): string | undefined
  /** Is a person asked before this call? Not when the call fails anyway for what it is given. */
  needsApproval(name: string, input: unknown): Promise<boolean>
  /** Tools run right now. */
  readonly busy: boolean
}

export interface ToolboxDeps extends ToolContext {
  readonly clock: Clock
  readonly options: Pick<AssistantOptions, "needs_approval" | "tool_timeout_s" | "max_tool_output">
  /** The first tool begins; the last one has ended. */
  onBusy(busy: boolean): void
}

export async function createToolbox(ready: readonly ReadyTool[], deps: ToolboxDeps): Promise<Toolbox> {
  const { dynamicTool, jsonSchema } = await import("ai")
  const known = new Map<string, ReadyTool>()
  for (const tool of ready) {
    if (known.has(tool.name)) deps.log.warn({ tool: tool.name }, "two tools have this name; the second is left out")
    else known.set(tool.name, tool)
  }
  let running = 0

  async function execute(tool: ReadyTool, input: unknown): Promise<unknown> {
    running += 1
    if (running === 1) deps.onBusy(true)
    try {
      const problem = await tool.check(input)
      if (problem !== undefined) throw new Error(`The arguments do not fit: ${problem}`)
      return cutOutput(await timed(tool, input, deps), deps.options.max_tool_output)
    } catch (error) {
      deps.log.info({ err: error, tool: tool.name }, "a tool failed")
      throw new Error(cutText(messageOf(error), deps.options.max_tool_output))
    } finally {
      running -= 1
      if (running === 0) deps.onBusy(false)
    }
  }

  return {
    tools: Object.fromEntries(
      [...known.values()].map((tool) => [
        tool.name,
        dynamicTool({
          description: tool.description,
          inputSchema: jsonSchema(tool.schema),
          execute: (input) => execute(tool, input),
        }),
      ]),
    ),
    describe: (name) => known.get(name)?.description,
    async needsApproval(name, input) {
      const tool = known.get(name)
      if (!tool || !(tool.needs_approval || fits(deps.options.needs_approval, name))) return false
      return (await tool.check(input)) === undefined
    },
    get busy() {
      return running > 0
    },
  }
}

/** Runs it until it ends, is stopped or has had its time; one that does not obey its signal is left behind. */
async function timed(tool: ReadyTool, input: unknown, { clock, signal, session, log, options }: ToolboxDeps) {
  // Of this call alone: what the turn does later is not told to a tool that has ended.
  const stopping = new AbortController()
  const deadline = createDeadline(clock)
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = () => {
    const { expired } = deadline
    const error = new Error(expired === undefined ? "It was stopped." : `It took longer than ${expired} s.`)
    stopping.abort(error)
    reject(error)
  }
  if (signal.aborted) throw new Error("It was stopped.")
  signal.addEventListener("abort", stop, { once: true })
  deadline.signal.addEventListener("abort", stop, { once: true })
  deadline.arm(options.tool_timeout_s)
  try {
    return await Promise.race([tool.run(input, { signal: stopping.signal, session, log }), stopped])
  } finally {
    deadline.disarm()
    signal.removeEventListener("abort", stop)
  }
}

/** As JSON, which is what can be kept and told; text stays text. */
function cutOutput(output: unknown, limit: number): unknown {
  if (typeof output === "string") return cutText(output, limit)
  const json = JSON.stringify(output) ?? "null"
  return json.length <= limit ? JSON.parse(json) : cutText(json, limit)
}

function messageOf(error: unknown): string {
  return (error instanceof Error && error.message) || "The tool failed and did not say why."
}
