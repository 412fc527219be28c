// How a part of an answer in the making is told (P6.2): under its own name, so that the last word on it holds.
import type { Part } from "../protocol/message.ts"
import type { Progress } from "../protocol/server-frame.ts"

type Told<P = Progress> = P extends { kind: "tool" | "step" | "part" }
  ? Omit<P, "turn_id" | "message_id" | "generation">
  : never

/** Undefined: it is not told as a part. */
export function shownPart(part: Part): { readonly key: string; readonly told: Told } | undefined {
  switch (part.type) {
    case "tool":
      return { key: `tool ${part.tool_call_id}`, told: { kind: "tool", tool: part } }
    case "step":
      return { key: `step ${part.step_id}`, told: { kind: "step", step: part } }
    case "citation":
      return other(`citation ${part.citation_id}`, part)
    case "file":
      return other(`file ${part.file_id ?? part.url}`, part)
    // There is one of each; the last one holds.
    case "guide":
    case "suggestions":
      return other(part.type, part)
    default:
      return undefined
  }
}

function other(part_id: string, part: Extract<Told, { kind: "part" }>["part"]) {
  return { key: `part ${part_id}`, told: { kind: "part" as const, part_id, part } }
}
