// What went wrong at the model service, as one of our errors. Nothing of the service's own words reaches the caller.
import { ChatError } from "../errors.ts"

export interface Circumstances {
  /** Some of the answer has come already. */
  readonly begun: boolean
  readonly now: number
  /** What else is known, for the log. */
  readonly hint?: unknown
  /** Words that must not reach the log: the key, and the values of further headers. */
  readonly secrets: readonly string[]
}

/** The error of a request that failed. */
export function modelError(fault: unknown, { begun, now, hint, secrets }: Circumstances): ChatError {
  const status = statusOf(fault)
  const options = { cause: traceOf(fault, hint, secrets), retry_after_ms: retryAfter(headersOf(fault), now) }
  if (begun) return new ChatError("model_cut", options)
  if (status === 401 || status === 403) return new ChatError("model_unauthorized", options)
  if (status === 429) return new ChatError("model_rate_limited", options)
  if (status !== undefined && status < 500) return new ChatError("model_refused", { ...options, params: { status } })
  return new ChatError("model_failed", options)
}

/** How long the service asks to wait: `retry-after-ms` (OpenAI), else `retry-after` in seconds or as a date (RFC 9110, 10.2.3). */
export function retryAfter(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const ms = headers["retry-after-ms"]
  const after = headers["retry-after"]
  for (const wait of [Number(ms || Number.NaN), Number(after || Number.NaN) * 1000, Date.parse(after ?? "") - now]) {
    if (Number.isFinite(wait)) return Math.max(0, wait)
  }
  return undefined
}

/** The HTTP status of a refusal; a status of success says nothing about what failed later. */
function statusOf(fault: unknown): number | undefined {
  const status = property(fault, "statusCode")
  return typeof status === "number" && status >= 300 ? status : undefined
}

function headersOf(fault: unknown): Record<string, string> {
  const headers = property(fault, "responseHeaders")
  if (typeof headers !== "object" || headers === null) return {}
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

/**
 * The fault for the log. A fresh error with a short text: the AI SDK's errors carry the whole conversation
 * (`requestBodyValues`) and the answer (`responseBody`), and those about a bad event quote it in their message.
 */
function traceOf(fault: unknown, hint: unknown, secrets: readonly string[]): Error {
  const name = property(fault, "name")
  const quotes = name === "AI_TypeValidationError" || name === "AI_JSONParseError"
  const words = quotes ? "the service sent an event that is not a chat completion chunk" : property(fault, "message")
  const text = [statusOf(fault), name, words, property(hint, "message")].filter((word) => word !== undefined).join(" ")
  return new Error(secrets.reduce((safe, secret) => safe.replaceAll(secret, "***"), text).slice(0, 500))
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined
}
