// What a bot reads: a message as words, and a conversation as the messages of a language model.
import type { ModelMessage } from "ai"
import type { Part } from "../protocol/message.ts"
import type { Exchange, Spoken } from "./handler.ts"

/** Everything a message says, as words: its text, its files by name, type and address, an answer to a question. */
export function textOf(message: Spoken): string {
  return [message.message ?? "", ...message.parts.map((part) => wordsOf(part, message.message))]
    .filter((words) => words.length > 0)
    .join("\n")
}

function wordsOf(part: Part, text: string | null): string {
  switch (part.type) {
    case "file":
      return `[file] ${part.name} (${part.mime_type}): ${part.url}`
    case "question":
      return part.prompt
    case "input":
      if (text) return ""
      return typeof part.answer === "string" ? part.answer : JSON.stringify(part.answer)
    default:
      return ""
  }
}

/**
 * The conversation for a language model: what the person said is `user`, what the bot answered is `assistant`.
 * An exchange of which one side is empty (deleted, or the bot said nothing) is left out as a whole: many services
 * refuse an empty message, and two messages of the same role in a row.
 */
export function toModelMessages(history: readonly Exchange[], message: Spoken): ModelMessage[] {
  const messages: ModelMessage[] = []
  for (const { question, answer } of history) {
    const asked = textOf(question)
    const answered = textOf(answer)
    if (!asked || !answered) continue
    messages.push({ role: "user", content: asked }, { role: "assistant", content: answered })
  }
  messages.push({ role: "user", content: textOf(message) })
  return messages
}
