// What of a message is not its text, in words for people: the same for every format.
import { type Language, type Sentence, say } from "../language/language.ts"
import type { Message, Part } from "../protocol/message.ts"

export interface Block {
  readonly label: string
  /** Plain text. */
  readonly text?: string
  readonly items?: readonly string[]
  /** Shown as it is: JSON. */
  readonly code?: string
  readonly url?: string
  /** How the bot came to its answer: shown on demand, where a format can do that. */
  readonly aside?: true
}

/** In the order in which they are shown. */
export function blocksOf(message: Message, language: Language): Block[] {
  return message.parts.flatMap((part) => blockOf(part, message, language) ?? [])
}

function blockOf(part: Part, { message }: Message, language: Language): Block | undefined {
  const label = (key: Sentence, params: Record<string, string> = {}) => say(language, key, params)
  const named = (key: Sentence, name: string, state: "waiting" | "running" | "completed" | "failed" | "denied") =>
    label(key, { name, state: label(`transcript_${state}`) })
  switch (part.type) {
    case "reasoning":
      return { label: label("transcript_thinking"), text: part.text, aside: true }
    case "tool": {
      const { input, output } = part
      const code = jsonOf({ ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }) })
      return { label: named("transcript_tool", part.name, part.state), code, aside: true }
    }
    case "step":
      return {
        label: named("transcript_step", part.name, part.state),
        ...(part.detail === undefined ? {} : readable(part.detail)),
        aside: true,
      }
    case "question": {
      const items = (part.fields ?? []).map(({ key, label }) => label ?? key)
      return { label: label("transcript_question"), text: part.prompt, items }
    }
    case "input":
      // In words, it is what the person said.
      return part.answer === message ? undefined : { label: label("transcript_answer"), ...readable(part.answer) }
    case "citation": {
      const { title, quote, url } = part
      const more = { ...(quote === undefined ? {} : { text: quote }), ...(url === undefined ? {} : { url }) }
      return { label: label("transcript_source", { name: title }), ...more }
    }
    case "file": {
      const size = part.size === undefined ? "" : `, ${part.size} B`
      return { label: label("transcript_file", { name: part.name, about: `${part.mime_type}${size}` }), url: part.url }
    }
    case "guide":
      return { label: label("transcript_guide"), ...(part.words ? { text: part.words } : {}), items: part.questions }
    case "suggestions":
      return undefined
  }
}

/** Plain values as words, an object of them as a list, the rest as JSON. */
function readable(value: unknown): Pick<Block, "text" | "items" | "code"> {
  if (isPlain(value)) return { text: String(value) }
  if (typeof value !== "object" || value === null) return {}
  const entries = Object.entries(value)
  if (entries.every(([, one]) => isPlain(one) || (Array.isArray(one) && one.every(isPlain)))) {
    const many = Array.isArray(value)
    return { items: entries.map(([name, one]) => (many ? String(one) : `${name}: ${[one].flat().join(", ")}`)) }
  }
  return { code: jsonOf(value) }
}

function isPlain(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value)
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, null, 2)
}
