// Makes texts, and pieces of text, that may each be sent and stored alone: no half of a surrogate pair, no U+0000.

/** Well-formed, without U+0000, at most `longest` UTF-16 units. */
export function fit(text: string, longest: number): string {
  return text.replaceAll("\0", "").toWellFormed().slice(0, longest).toWellFormed()
}

export interface Joiner {
  /** The piece as far as it may be passed on now; "" when nothing may. */
  push(piece: string): string
  /** What is still held back when no further piece comes. */
  end(): string
}

/**
 * Some services cut a stream in the middle of a UTF-16 pair, such as that of an emoji. As UTF-8 on the wire each half
 * would become U+FFFD for good, so a first half waits here for its second.
 */
export function createJoiner(): Joiner {
  let held = ""
  return {
    push(piece) {
      const text = held + piece
      const cut = isFirstHalf(text.charCodeAt(text.length - 1)) ? text.length - 1 : text.length
      held = text.slice(cut)
      return clean(text.slice(0, cut))
    },
    end() {
      const rest = clean(held)
      held = ""
      return rest
    },
  }
}

function isFirstHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

/** SQLite ends a text at U+0000, and a lone half cannot be encoded. */
function clean(text: string): string {
  return text.replaceAll("\0", "").toWellFormed()
}
