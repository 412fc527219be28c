// /export: the conversation as a file of its reply.
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { Files } from "../handlers/files.ts"
import { say } from "../language/language.ts"
import type { Part } from "../protocol/message.ts"
import type { TranscriptFormat } from "../protocol/rest-export.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "../store/database.ts"
import { activeBranch } from "../store/transcript.ts"
import { fileNameOf, mimeTypes, transcriptOf } from "../transcript/transcript.ts"
import type { Caller } from "./follower.ts"
import type { LiveChat } from "./live-chat.ts"

export interface ExportDeps {
  readonly db: Database
  readonly clock: Clock
  filesOf(session: Session): Files
}

/** UTF-16 units of a file that is made in memory; longer ones are downloaded. */
const longest = 4_000_000

interface Exported {
  readonly reply: string
  readonly parts: readonly Part[]
}

/** `words` name the format. Throws what the file storage throws. */
export async function exported(
  { db, clock, filesOf }: ExportDeps,
  { session }: LiveChat,
  { language }: Caller,
  words: string,
): Promise<Exported> {
  const format = words.trim().toLowerCase() || "md"
  if (!isFormat(format)) return { reply: say(language, "command_export_format"), parts: [] }
  if (session.head === null) return { reply: say(language, "command_export_empty"), parts: [] }
  const path = `/chat/message/export?chat_id=${encodeURIComponent(session.chat_id)}&format=${format}`
  const tooLong = { reply: say(language, "command_export_too_long", { path }), parts: [] }
  let content = ""
  const pages = activeBranch(db, session, clock)
  for await (const piece of transcriptOf({ session, format, language, pages, clock })) {
    content += piece
    if (content.length > longest) return tooLong
  }
  const file = { name: fileNameOf(session, format), mime_type: mimeTypes[format], content }
  try {
    const kept = await filesOf(session).save(file)
    return { reply: say(language, "command_export_done"), parts: [{ type: "file", ...kept }] }
  } catch (error) {
    if (error instanceof ChatError && error.code === "file_too_large") return tooLong
    throw error
  }
}

function isFormat(word: string): word is TranscriptFormat {
  return Object.hasOwn(mimeTypes, word)
}
