// Several messages that are one question: those that joined it while it waited (P6.3, `merge`).
import type { Message } from "../protocol/message.ts"

/** The first, with what the later ones add to it: their texts after an empty line each, and their parts. */
export function merged<M extends Pick<Message, "message" | "parts">>(first: M, later: readonly M[]): M {
  if (later.length === 0) return first
  const all = [first, ...later]
  return {
    ...first,
    message: all.flatMap(({ message }) => message || []).join("\n\n"),
    parts: all.flatMap(({ parts }) => parts),
  }
}
