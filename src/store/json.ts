// JSON as a parameter of a statement that takes it apart.

/**
 * The value as JSON, its strings such that SQLite can keep them as text: a lone surrogate would abort the process when it is
 * read back (libsql 0.5.29), and U+0000 would end the text. What comes from people is checked before; a plug-in may yield both.
 */
export function jsonParameter(value: unknown): string {
  const json = JSON.stringify(value)
  if (!/\\u(?:0000|d[89a-f])/.test(json)) return json
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "string" ? inner.toWellFormed().replaceAll("\0", "\uFFFD") : inner,
  )
}
