// The beginning of a text as one short line, cut between words, in whatever language it is.

/** The line, of at most `limit` UTF-16 units; "…" at its end says that there is more. */
export function firstWords(text: string, limit: number): string {
  // More than that cannot be in it, however long the text is.
  const line = text
    .slice(0, limit * 20)
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, limit * 2)
  if (line.length <= limit) return line.toWellFormed()
  const whole = fitting(line, limit - 1, "word") || fitting(line, limit - 1, "grapheme")
  return `${whole.replace(/[\s,;:，；：、。]+$/u, "")}…`
}

function fitting(line: string, limit: number, granularity: "word" | "grapheme"): string {
  let length = 0
  for (const { segment } of new Intl.Segmenter(undefined, { granularity }).segment(line)) {
    if (length + segment.length > limit) break
    length += segment.length
  }
  return line.slice(0, length)
}
