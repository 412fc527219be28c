// What changes something leaves something behind: one user does it no faster here than over a socket (P7.6).
import { createMiddleware } from "hono/factory"
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { RateLimits } from "../rate-limit.ts"
import type { ChatEnv } from "./answer.ts"

interface PaceDeps {
  readonly clock: Clock
  readonly config: { readonly chat: { readonly rate_limit: number; readonly rate_burst: number } }
}

/** After the token: what came without one leaves nothing. */
export function pace({ clock, config }: PaceDeps) {
  const limits = new RateLimits(clock, { rate: config.chat.rate_limit, burst: config.chat.rate_burst })
  return createMiddleware<ChatEnv>(async (c, next) => {
    const { route } = c.var
    const wait = route && !route.open && route.method !== "get" ? limits.take(c.var.principal.user_id) : 0
    if (wait > 0) {
      throw new ChatError("rate_limited", { params: { seconds: Math.ceil(wait / 1000) }, retry_after_ms: wait })
    }
    await next()
  })
}
