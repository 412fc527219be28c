// A conversation as a file for people, made piece by piece: it costs the same memory however long it is.
import { type Clock, othersFirst } from "../clock.ts"
import { firstWords } from "../first-words.ts"
import { type Language, say } from "../language/language.ts"
import type { Message } from "../protocol/message.ts"
import type { TranscriptFormat } from "../protocol/rest-export.ts"
import type { Session } from "../protocol/session.ts"

interface Head {
  readonly session: Session
  readonly title: string
  readonly about: string
  readonly language: Language
}

/** One format. */
export interface Writer {
  head(head: Head): string
  /** `heading`: who said it, and when. `place`: 0 is the first. */
  message(message: Message, heading: string, language: Language, place: number): string
  /** `words`: something to say to whoever reads it; "" is nothing. */
  foot(words: string): string
}

export interface TranscriptRequest {
  readonly session: Session
  readonly format: TranscriptFormat
  readonly language: Language
  /** In the order in which they are read. */
  readonly pages: AsyncIterable<readonly Message[]>
  readonly clock: Pick<Clock, "soon">
}

export const mimeTypes = { md: "text/markdown", json: "application/json", html: "text/html" } as const

export async function* transcriptOf({
  session,
  format,
  language,
  pages,
  clock,
}: TranscriptRequest): AsyncGenerator<string> {
  const writer = await writerOf(format)
  const title = titleOf(session)
  const about = say(language, "transcript_about", { flow_id: session.flow_id, date: dateOf(session.create_time) })
  yield writer.head({ session, title, about, language })
  let place = 0
  for await (const page of pages) {
    for (const message of page) {
      const who = say(language, message.is_bot ? "transcript_bot" : "transcript_person")
      yield writer.message(message, `${who} · ${dateOf(message.create_time)}`, language, place++)
      // A long one takes its time; the others' turn comes between.
      await othersFirst(clock)
    }
  }
  yield writer.foot(place === 0 ? say(language, "transcript_empty") : "")
}

/** A name that every file system takes. */
export function fileNameOf(session: Session, format: TranscriptFormat): string {
  const name = titleOf(session)
    .replaceAll(/[\\/:*?"<>|\p{Cc}]+/gu, "-")
    .replace(/^\.+/, "")
  return `${name || session.chat_id}.${format}`
}

function titleOf({ topic, chat_id }: Session): string {
  return firstWords(topic ?? "", 80) || chat_id
}

/** To the minute. */
function dateOf(timestamp: string): string {
  return `${timestamp.slice(0, 16).replace("T", " ")} UTC`
}

/** Loaded when it is asked for: the libraries take their time. */
async function writerOf(format: TranscriptFormat): Promise<Writer> {
  switch (format) {
    case "md":
      return (await import("./markdown.ts")).markdown
    case "html":
      return (await import("./html.ts")).html
    case "json":
      return (await import("./json.ts")).json
  }
}
