// What a node says with `config.writer`, as an event of the handler.
import { ChatError } from "../../errors.ts"
import { problemOf } from "../../language/problem.ts"
import { HandlerEvent } from "../handler.ts"

/** Not for nodes: a question is asked with interrupt(), and checkpoints are the graph's own. */
const reserved = new Set(["question", "checkpoint"])

/** A text, or an object in the shape of a HandlerEvent. Throws a ChatError for anything else: an event that is lost is a fault nobody sees. */
export function eventOf(chunk: unknown): HandlerEvent {
  if (typeof chunk === "string") return { type: "text", text: chunk }
  const read = HandlerEvent.safeParse(chunk)
  if (read.success && !reserved.has(read.data.type)) return read.data
  const why = read.success ? `a node may not write a ${read.data.type}` : problemOf(read.error)
  throw new ChatError("handler_failed", { cause: new Error(`config.writer was given what is no event: ${why}`) })
}
