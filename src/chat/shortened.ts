// What is kept of an answer that the store will never take as a whole: a libSQL server takes no value above 5,000,000 bytes, and an
// answer within its limits of characters may be more than that as JSON.
import type { Said } from "./turn-end.ts"

/** Six bytes each at most. */
const longestText = 200_000
const mostBytes = 1_000_000

/** The beginning of the text, and the parts that fit; the checkpoint before holds. */
export function shortened({ text, parts, usage }: Said): Said {
  let bytes = 0
  const fitting = parts.filter((part) => {
    const size = Buffer.byteLength(JSON.stringify(part))
    if (bytes + size > mostBytes) return false
    bytes += size
    return true
  })
  return { text: text.slice(0, longestText).toWellFormed(), parts: fitting, usage, checkpoint: undefined }
}
