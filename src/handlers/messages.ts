// What a bot reads: a message as words, and a conversation as the messages of a language model.
import type { ModelMessage, UserContent } from "ai"
import { ChatError } from "../errors.ts"
import type { FilePart, Part } from "../protocol/message.ts"
import type { Files } from "./files.ts"
import type { Exchange, Spoken } from "./handler.ts"

/** Everything a message says, as words: its text, its files by name, type and address, an answer to a question. */
export function textOf(message: Spoken): string {
  return joined([message.message ?? "", ...message.parts.map((part) => wordsOf(part, message.message))])
}

function joined(words: readonly string[]): string {
  return words.filter((word) => word.length > 0).join("\n")
}

function wordsOf(part: Part, text: string | null): string {
  switch (part.type) {
    case "file":
      return `${nameOf(part)}: ${part.url}`
    case "question":
      return part.prompt
    case "input":
      if (text) return ""
      return typeof part.answer === "string" ? part.answer : JSON.stringify(part.answer)
    default:
      return ""
  }
}

function nameOf({ name, mime_type }: FilePart): string {
  return `[file] ${name} (${mime_type})`
}

export interface Conversation {
  readonly history: readonly Exchange[]
  /** What the person says now. */
  readonly message: Spoken
  readonly files: Files
  /** Does the model take images? */
  readonly vision: boolean
  /** Characters of the text of files, all together; those of the newest messages come first. */
  readonly max_file_chars: number
  /** What the tools gave back in an exchange, to stand before its answer; left out: nothing. */
  recall?(exchange: Exchange): readonly ModelMessage[]
}

/**
 * The conversation for a language model: what the person said is `user`, what the bot answered is `assistant`.
 * An exchange of which one side is empty (deleted, or the bot said nothing) is left out as a whole: many services
 * refuse an empty message, and two messages of the same role in a row.
 */
export async function toModelMessages(conversation: Conversation): Promise<ModelMessage[]> {
  const { history, message, recall = () => [] } = conversation
  const read = createReader(conversation)
  const last = await read(message)
  const messages: ModelMessage[][] = []
  // The newest first: when the limits are reached, it is the old that is left out.
  for (const exchange of history.toReversed()) {
    const answered = textOf(exchange.answer)
    if (!answered || !textOf(exchange.question)) continue
    const asked: ModelMessage = { role: "user", content: await read(exchange.question) }
    messages.push([asked, ...recall(exchange), { role: "assistant", content: answered }])
  }
  return [...messages.reverse().flat(), { role: "user", content: last }]
}

/** What the services take. */
const imageTypes = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])
const maxImages = 10
const maxImageBytes = 20 * 1024 * 1024

/** Reads what people said together with their files, as far as the limits over all that it reads allow. */
function createReader({ files, vision, max_file_chars }: Conversation): (message: Spoken) => Promise<UserContent> {
  const left = { chars: max_file_chars, images: vision ? maxImages : 0, bytes: maxImageBytes }

  /** As something to look at; undefined: it is none, or one too many. */
  async function imageOf({ file_id, mime_type, url }: FilePart): Promise<Uint8Array | URL | undefined> {
    if (!imageTypes.has(mime_type) || left.images === 0) return undefined
    if (file_id === undefined) {
      left.images -= 1
      return new URL(url)
    }
    const bytes = await readable(() => files.bytes(file_id))
    if (!bytes || bytes.byteLength > left.bytes) return undefined
    left.images -= 1
    left.bytes -= bytes.byteLength
    return bytes
  }

  async function textInside({ file_id }: FilePart): Promise<string> {
    if (file_id === undefined || left.chars === 0) return ""
    const text = await readable(() => files.text(file_id))
    if (!text) return ""
    const taken = cutText(text, left.chars)
    left.chars = Math.max(0, left.chars - text.length)
    return taken
  }

  return async (message) => {
    const images: Extract<UserContent, unknown[]> = []
    const words: string[] = [message.message ?? ""]
    for (const part of message.parts) {
      if (part.type !== "file") {
        words.push(wordsOf(part, message.message))
        continue
      }
      const data = await imageOf(part)
      if (data) images.push({ type: "file", data, mediaType: part.mime_type })
      // The address of a file that is kept here means nothing to a model.
      words.push(part.file_id === undefined ? wordsOf(part, null) : joined([nameOf(part), await textInside(part)]))
    }
    const text = joined(words)
    return images.length === 0 ? text : [...(text ? [{ type: "text" as const, text }] : []), ...images]
  }
}

/** A file that was deleted, or cannot be read, is named all the same; the conversation does not end with it. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    const known = ChatError.within(error)
    if (known?.code === "not_found" || known?.code === "file_unreadable") return undefined
    throw error
  }
}

/** The beginning of a long text, with a word about what is missing. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text
  return `${text.slice(0, limit).toWellFormed()}\n[cut: the first ${limit} of ${text.length} characters]`
}
