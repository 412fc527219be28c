// Frames as the client sees them: reading what came, and the ids of what goes out.
import type { ServerFrame, ServerFrameOf } from "../protocol/server-frame.ts"

type Numbered<F> = F & { readonly seq: number }

/** An event of the chat's log (P4.1): kept, numbered, the same for every client. */
export type DurableEvent =
  | ServerFrameOf<"message">
  | ServerFrameOf<"result">
  | ServerFrameOf<"end">
  | Numbered<ServerFrameOf<"status">>
  | Numbered<ServerFrameOf<"interrupt">>

/** Null when the text is not a frame. What is inside is not checked again: the service is trusted to keep its word. */
export function readFrame(text: unknown): ServerFrame | null {
  if (typeof text !== "string") return null
  try {
    const value: unknown = JSON.parse(text)
    return looksLikeFrame(value) ? value : null
  } catch {
    return null // not JSON; the caller reports it
  }
}

function looksLikeFrame(value: unknown): value is ServerFrame {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    typeof value.type === "string" &&
    "data" in value &&
    typeof value.data === "object" &&
    value.data !== null
  )
}

/** 32 hex digits. `crypto.randomUUID` would not do: browsers have it on https pages only. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
