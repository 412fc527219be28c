// Markdown that strangers wrote, people and bots: read by a library, and never trusted.
import { Marked, type Token } from "marked"

/**
 * UTF-16 units of a text, and of what stands between two empty lines. What is longer is shown as it was written: reading
 * hostile Markdown takes a time that grows with the square (1.4 s for 20,000 units of "_a"; within these limits 0.2 s).
 */
const longest = 40_000
const longestBlock = 4_000
/** Signs of lists and quotes, one within the other. */
const deepest = /^[ \t>*+.\d-]{60}/m

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
    const tokens = read(text)
    if (!tokens) return undefined
    if (isClosed(tokens)) return text
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(tokens.at(-1)?.raw ?? "")?.[1]
    const whole = `${text}\n${fence ?? ""}`
    const again = fence === undefined ? undefined : read(whole)
    return again && isClosed(again) ? whole : undefined
  })
}

/** With a paragraph after it; undefined: there is something in it that acts. */
function read(text: string): Token[] | undefined {
  const tokens = marked.lexer(`${text}\n\n${after}`)
  const all: Token[] = []
  void marked.walkTokens(tokens, (token) => void all.push(token))
  const links = Object.values(tokens.links).every(({ href }) => isSafe(href ?? ""))
  return links && all.every(isHarmless) ? tokens : undefined
}

const after = "end"

function attempted<T>(text: string, read: () => T): T | undefined {
  if (text.length > longest || deepest.test(text)) return undefined
  if (text.split(/\n[ \t]*\r?\n/).some((block) => block.length > longestBlock)) return undefined
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
function isClosed(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1)
  return last?.type === "paragraph" && last.raw === after
}
