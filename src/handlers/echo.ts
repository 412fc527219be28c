// The bot without a model: repeats what was said, in words. The smallest example of a handler.
import { z } from "zod"
import { delay } from "../clock.ts"
import type { Language } from "../language/language.ts"
import { say } from "../language/language.ts"
import { defineHandler } from "./handler.ts"
import { textOf } from "./messages.ts"

export const EchoOptions = z.strictObject({
  /** Milliseconds between two pieces, so that streaming can be seen; there are never more than `max_pieces`. */
  delay_ms: z.number().min(0).max(1000).default(0),
  /** A long text comes in larger pieces, so that the delays do not add up without end. */
  max_pieces: z.int().min(1).max(10_000).default(100),
})

export default defineHandler({
  name: "echo",
  description: "Repeats what you say; answers when no model is configured.",
  options: EchoOptions,
  async *run({ message, options, signal, clock, language }) {
    const text = say(language, "echo_no_model", { text: textOf(message) })
    for (const piece of grouped(wordsOf(text, language), options.max_pieces)) {
      if (signal.aborted) return
      yield { type: "text", text: piece }
      if (options.delay_ms > 0) await delay(clock, options.delay_ms, signal)
    }
  },
})

/** Words with what follows them up to the next word; Chinese has no spaces, so the Unicode rules (UAX 29) find them. */
function wordsOf(text: string, language: Language): string[] {
  const words: string[] = []
  for (const { segment, isWordLike } of new Intl.Segmenter(language, { granularity: "word" }).segment(text)) {
    const last = words.at(-1)
    if (isWordLike || last === undefined) words.push(segment)
    else words[words.length - 1] = last + segment
  }
  return words
}

/** The words in at most `limit` pieces of about the same number of words. */
function* grouped(words: readonly string[], limit: number): Generator<string> {
  const size = Math.ceil(words.length / limit)
  for (let start = 0; start < words.length; start += size) yield words.slice(start, start + size).join("")
}
