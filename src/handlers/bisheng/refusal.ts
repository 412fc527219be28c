// How Bisheng, or a gateway before it, says no: by HTTP status, or by `status_code` in a JSON envelope with HTTP 200.
import { z } from "zod"
import { ChatError, type ErrorParams } from "../../errors.ts"
import type { Secrets } from "./secrets.ts"

/** Too many requests; no free thread for a workflow within 10 s. */
const busy = new Set([429, 10540])
/** No or a stale token, no right to use it, account or tenant closed. */
const unauthorized = new Set([401, 403, 19103, 19104, 20001, 20004])
/** Not published, or taken offline. */
const offline = new Set([10421, 13002, 13010])

const Said = z.object({ status_code: z.number(), status_message: z.unknown().optional() })
/** How pydantic tells what is wrong with a body; `input`, which repeats what the person said, is left out. */
const Issues = z.array(z.object({ loc: z.array(z.union([z.string(), z.number()])), msg: z.string() }))

export interface Refused {
  readonly response: Response
  readonly said: unknown
  readonly secrets: Secrets
}

/** The error of an answer that is none. */
export function refusal({ response, said, secrets }: Refused): ChatError {
  const envelope = Said.safeParse(said).data
  const status = envelope?.status_code ?? response.status
  const words = wordsOf(envelope?.status_message ?? (typeof said === "string" ? said : undefined))
  const cause = new Error(secrets.hide(`bisheng answered ${status}${words && `: ${words}`}`))
  const wait = Number.parseFloat(response.headers.get("retry-after") ?? "")
  return errorOf(status, cause, wait >= 0 ? Math.min(wait, 3600) * 1000 : undefined)
}

/** What a code of Bisheng's means, whichever way it came. */
export function errorOf(status: number, cause: Error, retry_after_ms?: number): ChatError {
  const refused = (problem: string, params: ErrorParams = {}) =>
    new ChatError("engine_refused", { params: { problem, ...params }, cause })
  if (busy.has(status)) return new ChatError("engine_busy", { cause, retry_after_ms })
  if (unauthorized.has(status)) return new ChatError("engine_unauthorized", { cause })
  if (status === 404) return refused("engine_missing")
  if (offline.has(status)) return refused("engine_offline")
  // Success with something else than was asked for: a login page, say.
  if (status < 500 || status === 10400) return refused("engine_misunderstood", { status })
  return new ChatError("engine_failed", { cause, retry_after_ms })
}

export function unreachable(error: unknown, secrets: Secrets): ChatError {
  const words = error instanceof Error ? error.message : String(error)
  return new ChatError("engine_failed", { cause: new Error(secrets.hide(`bisheng cannot be reached: ${words}`)) })
}

function wordsOf(message: unknown): string {
  if (typeof message === "string") return message
  const issues = Issues.safeParse(message).data ?? []
  return issues.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; ")
}
