// Words that must not reach the log: the values of headers and cookies, wherever Bisheng or a gateway repeats them.

export interface Secrets {
  /** The text without them, and not too long. */
  hide(text: string): string
}

/** Shorter words are no secrets, and would make holes in everything. */
const shortest = 6
const longest = 500

export function createSecrets(values: readonly string[]): Secrets {
  // Of `Bearer abc`, a service may repeat `abc` alone.
  const words = [...values, ...values.flatMap((value) => value.split(/[\s=;,]+/))]
    .filter((word) => word.length >= shortest)
    .sort((one, other) => other.length - one.length)
  return {
    hide: (text) => words.reduce((safe, word) => safe.replaceAll(word, "***"), text).slice(0, longest),
  }
}
