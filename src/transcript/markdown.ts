// A conversation as Markdown.
import { type Language, say } from "../language/language.ts"
import type { Message } from "../protocol/message.ts"
import { type Block, blocksOf } from "./blocks.ts"
import { harmless } from "./marked-text.ts"
import type { Writer } from "./transcript.ts"

export const markdown: Writer = {
  head: ({ title, about }) => `# ${plain(title)}\n\n${plain(about)}\n`,
  message: (message, heading, language) =>
    [
      `\n### ${plain(heading)}\n`,
      ...bodyOf(message),
      ...blocksOf(message, language).map(blockText),
      ...endOf(message, language),
    ].join("\n"),
  foot: (words) => (words ? `\n${plain(words)}\n` : ""),
}

function bodyOf({ message, is_bot }: Message): string[] {
  if (!message) return []
  const text = harmless(message) ?? fenced(message)
  return [is_bot ? `${text}\n` : `${quoted(text)}\n`]
}

function endOf({ state }: Message, language: Language): string[] {
  return state === "completed" ? [] : [`*${plain(say(language, `transcript_message_${state}`))}*\n`]
}

function blockText({ label, text, items, code, url }: Block): string {
  const lines = [
    `**${plain(label)}**${url === undefined ? "" : ` <${url.replaceAll(/[<>\s]/g, encodeURIComponent)}>`}`,
    ...(text ? [harmless(text) ?? fenced(text)] : []),
    ...(items && items.length > 0 ? [items.map((item) => `- ${plain(item)}`).join("\n")] : []),
    ...(code === undefined ? [] : [fenced(code, "json")]),
  ]
  return `${quoted(lines.join("\n\n"))}\n`
}

function quoted(text: string): string {
  return text
    .split(/\r\n|[\r\n]/)
    .map((line) => `> ${line}`)
    .join("\n")
}

/** As it was written, between fences longer than any in it. */
function fenced(text: string, language = ""): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([ticks]) => ticks.length))
  const fence = "`".repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}

/** Words on one line that mean nothing but themselves. */
function plain(words: string): string {
  return words.replaceAll(/[\s\p{Cc}]+/gu, " ").replaceAll(/[\\`*_{}[\]<>()#!|~&]|^ ?[-+]/g, "\\$&")
}
