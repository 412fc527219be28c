// What tools gave back in an earlier turn, in short, so that the model need not ask them again.
import type { ModelMessage, ToolCallPart, ToolResultPart } from "ai"
import type { Part } from "../../protocol/message.ts"
import type { Exchange } from "../handler.ts"
import { cutText } from "../messages.ts"

/** Characters of one output, and calls of one turn: the answer already says what came of them. */
const maxOutput = 1000
const maxCalls = 10

type Tool = Extract<Part, { type: "tool" }>

/** As a call and its result, the form that models know; none for calls that wait or never came to an end. */
export function recall({ answer }: Exchange): ModelMessage[] {
  const done = answer.parts.filter(
    (part): part is Tool => part.type === "tool" && (part.state === "completed" || part.state === "failed"),
  )
  const last = done.slice(-maxCalls)
  if (last.length === 0) return []
  const calls = last.map(({ tool_call_id: toolCallId, name: toolName, input }): ToolCallPart => {
    return { type: "tool-call", toolCallId, toolName, input: typeof input === "object" && input ? input : {} }
  })
  const results = last.map(({ tool_call_id: toolCallId, name: toolName, output }): ToolResultPart => {
    const text = typeof output === "string" ? output : JSON.stringify(output ?? null)
    return { type: "tool-result", toolCallId, toolName, output: { type: "text", value: cutText(text, maxOutput) } }
  })
  return [
    { role: "assistant", content: calls },
    { role: "tool", content: results },
  ]
}
