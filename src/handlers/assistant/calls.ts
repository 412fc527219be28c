// What is shown of the calls of tools, from the parts of the AI SDK.
import type { TextStreamPart, ToolSet } from "ai"
import { Json } from "../../protocol/ids.ts"
import type { HandlerEvent } from "../handler.ts"
import type { Call } from "./approval.ts"
import type { Toolbox } from "./toolbox.ts"

type ToolEvent = Extract<HandlerEvent, { type: "tool" }>
type State = ToolEvent["tool"]["state"]
type Shown = Pick<Call, "shown_id" | "name" | "input">

export interface Calls {
  /** Those that a person is to be asked about. */
  readonly waiting: readonly Call[]
  /** Of the step that is being read: calls that have no outcome yet, those that wait left out. */
  readonly open: number
  read(part: TextStreamPart<ToolSet>): Promise<ToolEvent | undefined>
  /** Those that were never made, because the model was cut off. */
  dropped(): Generator<ToolEvent>
}

/** `before`: calls of the turn before, whose outcome comes in this one. */
export function createCalls(toolbox: Toolbox, before: readonly Call[]): Calls {
  const waiting: Call[] = []
  const used = new Set<string>(before.map(({ shown_id }) => shown_id))
  const open = new Map<string, Shown>(before.map((call) => [call.tool_call_id, call]))

  function ended(toolCallId: string, state: State, output?: unknown): ToolEvent | undefined {
    const call = open.get(toolCallId)
    open.delete(toolCallId)
    return call && toolEvent(call, state, output)
  }

  return {
    waiting,
    get open() {
      return open.size
    },
    async read(part) {
      switch (part.type) {
        case "tool-call": {
          const call = { shown_id: unused(part.toolCallId, used), name: part.toolName, input: part.input }
          open.set(part.toolCallId, call)
          const asks = !part.invalid && (await toolbox.needsApproval(part.toolName, part.input))
          return toolEvent(call, asks ? "waiting" : "running")
        }
        case "tool-approval-request": {
          const call = open.get(part.toolCall.toolCallId)
          open.delete(part.toolCall.toolCallId)
          if (call) waiting.push({ ...call, approval_id: part.approvalId, tool_call_id: part.toolCall.toolCallId })
          return undefined
        }
        case "tool-result":
          return ended(part.toolCallId, "completed", part.output)
        case "tool-error":
          return ended(part.toolCallId, "failed", part.error instanceof Error ? part.error.message : String(part.error))
        case "tool-output-denied":
          return ended(part.toolCallId, "denied")
      }
      return undefined
    },
    *dropped() {
      for (const call of open.values()) yield toolEvent(call, "failed", "It was not called.")
      open.clear()
    },
  }
}

/** Some services number the calls of each step anew: to be told apart in one message, a second "call_0" gets another name. */
function unused(toolCallId: string, used: Set<string>): string {
  const base = toolCallId.slice(0, 100) || "call"
  let id = base
  for (let place = 2; used.has(id); place++) id = `${base}#${place}`
  used.add(id)
  return id
}

export function toolEvent({ shown_id, name, input }: Shown, state: State, output?: unknown): ToolEvent {
  const tool = { tool_call_id: shown_id, name: name.slice(0, 128) || "?", state, input: keepable(input) }
  return { type: "tool", tool: output === undefined ? tool : { ...tool, output: keepable(output) } }
}

/** What is nested too deeply to be kept is shown as text. */
function keepable(value: unknown) {
  const { data, success } = Json.safeParse(value ?? null)
  return success ? data : JSON.stringify(value).slice(0, 10_000)
}
