// Whether to come back after a close, and when (PROTOCOL.md, section 8).

const FIRST_MS = 500
const MOST_MS = 30_000
/** Clients of an instance that shuts down come back spread over this time, when it did not spread them itself. */
const DRAIN_MS = 10_000
/** "After a pause" (4013, 4014) is at least this, when the service did not say how long. */
const PAUSE_MS = 1000

/** Codes that P8.1 does not name come back: a proxy's 1005 or 1013 says nothing about the next try. */
export function comesBack(code: number): boolean {
  return code !== 1000 && code !== 1009 && (code < 4500 || code > 4999)
}

export interface Loss {
  /** WebSocket close code. */
  readonly code: number
  /** Connections in a row that came to nothing; 0 = the last one held. */
  readonly failures: number
  /** What the service asked for, in milliseconds. */
  readonly retry_after_ms: number | undefined
}

/**
 * Milliseconds until the next try: exponential, with full jitter, so that the clients of an instance that died do not
 * come back at the same moment. `random` gives a number from 0 up to 1.
 */
export function pauseAfter({ code, failures, retry_after_ms }: Loss, random: () => number): number {
  const grown = Math.min(MOST_MS, FIRST_MS * 2 ** failures)
  const spread = code === 4001 && retry_after_ms === undefined ? Math.max(grown, DRAIN_MS) : grown
  const least = retry_after_ms ?? (code === 4013 || code === 4014 ? PAUSE_MS : 0)
  return Math.round(least + random() * spread)
}
