// One text out of many: what the nodes of a workflow say, each as a paragraph of its own, in the order in which they began.
import type { HandlerEvent } from "../handler.ts"
import { createJoiner, type Joiner } from "../well-formed.ts"

type Spoken = Extract<HandlerEvent, { type: "text" | "rewrite" }>

interface Paragraph {
  readonly key: string
  readonly joiner: Joiner
  /** What is not shown yet. */
  held: string
  /** The whole of it, as the end told. */
  full?: string
  done: boolean
}

const between = "\n\n"

/**
 * Only the first paragraph that is not done is shown as it grows; what others say meanwhile waits for its end, so that what
 * was shown need not be moved. When the end tells another text than the pieces made, the end is right.
 */
export class Composer {
  readonly #paragraphs: Paragraph[] = []
  /** Where the one that is shown now begins, and what of it was shown. */
  #start = 0
  #shown = ""

  /** Anything was said. */
  get begun(): boolean {
    return this.#start + this.#shown.length > 0
  }

  /** A piece of the paragraph that `key` names. */
  delta(key: string, piece: string): Spoken[] {
    const paragraph = this.#open(key)
    paragraph.held += paragraph.joiner.push(piece)
    return this.#advance()
  }

  /** The end of it: this is all of it. */
  end(key: string, full: string): Spoken[] {
    const paragraph = this.#open(key)
    paragraph.full = full.replaceAll("\0", "").toWellFormed()
    paragraph.done = true
    return this.#advance()
  }

  /** A paragraph that comes at once. */
  whole(text: string): Spoken[] {
    return this.end(crypto.randomUUID(), text)
  }

  /** No more will come: shows what still waits. */
  flush(): Spoken[] {
    for (const paragraph of this.#paragraphs) {
      if (!paragraph.done) paragraph.held += paragraph.joiner.end()
      paragraph.done = true
    }
    return this.#advance()
  }

  #open(key: string): Paragraph {
    const open = this.#paragraphs.find((paragraph) => paragraph.key === key && !paragraph.done)
    if (open) return open
    const paragraph: Paragraph = { key, joiner: createJoiner(), held: "", done: false }
    this.#paragraphs.push(paragraph)
    return paragraph
  }

  #advance(): Spoken[] {
    const events: Spoken[] = []
    for (let first = this.#paragraphs[0]; first; first = this.#paragraphs[0]) {
      events.push(...this.#show(first))
      if (!first.done) break
      this.#paragraphs.shift()
      this.#start += this.#shown.length
      this.#shown = ""
    }
    return events
  }

  #show(paragraph: Paragraph): Spoken[] {
    const { full } = paragraph
    const same = full === undefined ? this.#shown.length : commonLength(this.#shown, full)
    const text = full === undefined ? paragraph.held : full.slice(same)
    paragraph.held = ""
    if (same < this.#shown.length) {
      this.#shown = full ?? ""
      return [{ type: "rewrite", offset: this.#start + same, text }]
    }
    if (text === "") return []
    const events: Spoken[] = []
    if (this.#shown === "" && this.#start > 0) {
      events.push({ type: "text", text: between })
      this.#start += between.length
    }
    this.#shown += text
    return [...events, { type: "text", text }]
  }
}

/** How much the beginnings have in common, without half of a surrogate pair. */
function commonLength(one: string, other: string): number {
  let length = 0
  while (length < one.length && length < other.length && one[length] === other[length]) length += 1
  const last = one.charCodeAt(length - 1)
  return last >= 0xd800 && last <= 0xdbff && length < one.length ? length - 1 : length
}
