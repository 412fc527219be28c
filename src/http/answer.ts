// Every JSON answer: { status_code, status_message, data }, with the true HTTP status. A refusal's data is a Failure (protocol/rest.ts).
import type { Context } from "hono"
import { HTTPException } from "hono/http-exception"
import type { Principal } from "../auth/token.ts"
import { ChatError, type ErrorCode, errorTable } from "../errors.ts"
import { describe, type Language, type Sentence, say } from "../language/language.ts"
import type { Route } from "../protocol/route.ts"

/** What is known of every request. */
export interface Env {
  Variables: { trace_id: string; language: Language; route: Route | undefined }
}

/** What is known of a request that needs a token. */
export interface ChatEnv {
  Variables: Env["Variables"] & { principal: Principal }
}

/** All went well. */
export function answer<T, S extends 200 | 201 = 200>(c: Context, data: T, status?: S) {
  const status_code = status ?? 200
  return c.json({ status_code, status_message: say(c.var.language, "success"), data }, status_code)
}

// Sentences about frames, said of bodies.
const restWords: Partial<Record<ErrorCode, Sentence>> = {
  bad_json: "rest_bad_json",
  frame_too_large: "rest_frame_too_large",
  store_unavailable: "rest_store_unavailable",
  rate_limited: "rest_rate_limited",
}

/** Says no. What is not a ChatError becomes `internal`; the fault itself goes to the log only. */
export function refuse(c: Context<Env>, fault: unknown): Response {
  const error = errorOf(fault)
  const { language, trace_id } = c.var
  const { code, message, retry, retry_after_ms, fields } = describe(error, language)
  const own = restWords[error.code]
  const http = errorTable[error.code].http
  if (retry_after_ms !== undefined) c.header("Retry-After", String(Math.ceil(retry_after_ms / 1000)))
  if (http === 401) c.header("WWW-Authenticate", "Bearer")
  if (http === 426) c.header("Upgrade", "websocket")
  return c.json(
    {
      status_code: http,
      status_message: own ? say(language, own, error.params) : message,
      data: {
        ...{ code, trace_id, retry },
        ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
        ...(fields === undefined ? {} : { fields }),
      },
    },
    http,
  )
}

export function errorOf(fault: unknown): ChatError {
  // Hono's validator throws it for a body that JSON.parse does not take, and for nothing else here.
  if (fault instanceof HTTPException) return new ChatError("bad_json", { cause: fault })
  return ChatError.from(fault)
}
