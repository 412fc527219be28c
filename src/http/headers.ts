// What a browser may do with the answers: other pages only by CORS, nothing kept, nothing framed, nothing guessed.
import { cors } from "hono/cors"
import { createMiddleware } from "hono/factory"
import { isAllowedOrigin } from "../auth/origin.ts"
import type { ChatConfig } from "../settings.ts"
import type { Env } from "./answer.ts"

/** CORS for the configured origins and for loopback ones. Without credentials: the token is a header, never a cookie. */
export function crossOrigin({ allowed_origins }: Pick<ChatConfig, "allowed_origins">) {
  return cors({
    origin: (origin) => (isAllowedOrigin(allowed_origins, origin) ? origin : null),
    allowMethods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
    allowHeaders: ["Authorization", "Content-Type", "If-None-Match", "Range", "X-Trace-Id"],
    // The last three are a file's: its name, its version, which part it is.
    exposeHeaders: ["X-Trace-Id", "Retry-After", "Content-Disposition", "ETag", "Content-Range"],
    maxAge: 600,
  })
}

const headers = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
}

/** Sets them before the route runs, so that /docs can say otherwise. */
export const secureHeaders = createMiddleware<Env>(async (c, next) => {
  for (const [name, value] of Object.entries(headers)) c.header(name, value)
  await next()
})
