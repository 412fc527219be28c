// Markdown that strangers wrote, people and bots: read by a library, and never trusted.
import { Marked, type Token } from "marked"

/** UTF-16 units. What is longer is shown as it was written: reading hostile Markdown takes a time that grows faster than it. */
const longest = 20_000

const marked = new Marked({ gfm: true, breaks: true })

/** As HTML that still has to be made safe; undefined: it is to be shown as it was written. */
export function htmlOf(text: string): string | undefined {
  return attempted(text, () => marked.parse(text, { async: false }))
}

/**
 * Markdown for a document in which something follows: without HTML of its own, without links that act, and with nothing left
 * open. Undefined: it is to be shown as it was written.
 */
export function harmless(text: string): string | undefined {
  return attempted(text, () => {
    const tokens = marked.lexer(text)
    const links = Object.values(tokens.links).every(({ href }) => isSafe(href ?? ""))
    const all: Token[] = []
    void marked.walkTokens(tokens, (token) => void all.push(token))
    if (!links || !all.every(isHarmless)) return undefined
    if (isClosed(text)) return text
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(tokens.at(-1)?.raw ?? "")?.[1]
    const whole = `${text}\n${fence ?? ""}`
    return isClosed(whole) ? whole : undefined
  })
}

function attempted<T>(text: string, read: () => T): T | undefined {
  if (text.length > longest) return undefined
  try {
    return read()
  } catch {
    // Nested too deeply for it.
    return undefined
  }
}

function isHarmless(token: Token): boolean {
  if (token.type === "html") return false
  return token.type === "link" || token.type === "image" ? isSafe(String(token.href)) : true
}

/** http, https, mailto, or a plain path: no other scheme, and none that is hidden behind an entity. */
function isSafe(href: string): boolean {
  return /^(?:https?:\/\/|mailto:|[\w./#?=%-]*$)/i.test(href)
}

/** What stands after it is a paragraph of its own. */
function isClosed(text: string): boolean {
  const last = marked.lexer(`${text}\n\nend`).at(-1)
  return last?.type === "paragraph" && last.raw === "end"
}
