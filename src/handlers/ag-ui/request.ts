// The request to an agent, over HTTP: what goes wrong on the way becomes one of our errors.
import { ChatError } from "../../errors.ts"
import { endEarly } from "../early-end.ts"
import { retryAfter } from "../model-error.ts"

export interface Line {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** What went wrong; undefined: nothing did. */
  readonly fault: ChatError | undefined
}

export interface LineDeps {
  now(): number
  /** Words that must not reach the log. */
  readonly secrets: readonly string[]
}

/** For one request. */
export function openLine({ now, secrets }: LineDeps): Line {
  let fault: ChatError | undefined
  const cause = (error: unknown) => {
    const words = error instanceof Error ? `${error.name} ${error.message}` : String(error)
    return new Error(secrets.reduce((safe, secret) => safe.replaceAll(secret, "***"), words).slice(0, 500))
  }
  return {
    get fault() {
      return fault
    },
    async fetch(url, init) {
      // A redirect would carry the headers elsewhere. The deadlines are ours, not Bun's 5 minutes.
      const response = await fetch(url, { ...init, redirect: "manual", timeout: false }).catch((error: unknown) => {
        fault = new ChatError("engine_failed", { cause: cause(error) })
        throw fault
      })
      if (!response.ok || response.body === null) {
        // The engine's own words are for nobody here; without them read the connection cannot be used again.
        await response.body?.cancel()
        fault = refused(response, now())
        throw fault
      }
      const body = endEarly(response.body, (error) => {
        fault ??= new ChatError("engine_lost", { cause: cause(error) })
      })
      return new Response(body, { status: response.status, headers: response.headers })
    },
  }
}

function refused({ status, headers }: Response, now: number): ChatError {
  const options = {
    cause: new Error(`status ${status}`),
    retry_after_ms: retryAfter(Object.fromEntries(headers.entries()), now),
  }
  if (status === 401 || status === 403) return new ChatError("engine_unauthorized", options)
  if (status === 429 || status === 503) return new ChatError("engine_busy", options)
  if (status >= 500) return new ChatError("engine_failed", options)
  return new ChatError("engine_refused", { ...options, params: { problem: `status ${status}` } })
}
