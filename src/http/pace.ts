// What changes something leaves something behind: one user does it no faster here than over a socket (P7.6).
import { createMiddleware } from "hono/factory"
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { RateLimits } from "../rate-limit.ts"
import type { ChatEnv } from "./answer.ts"

export interface PaceDeps {
  readonly clock: Clock
  readonly config: { readonly chat: { readonly rate_limit: number; readonly rate_burst: number } }
}

/** After the token: what came without one leaves nothing. */
export function pace(deps: PaceDeps) {
  const keepPace = paceOf<number>(deps)
  return createMiddleware<ChatEnv>(async (c, next) => {
    const { route } = c.var
    if (route && !route.open && route.method !== "get") keepPace(c.var.principal.user_id)
    await next()
  })
}

/** The same pace for each that the answer is called with. That throws `rate_limited`. */
export function paceOf<Key>({ clock, config }: PaceDeps): (key: Key) => void {
  const limits = new RateLimits<Key>(clock, { rate: config.chat.rate_limit, burst: config.chat.rate_burst })
  return (key) => {
    const wait = limits.take(key)
    if (wait === 0) return
    throw new ChatError("rate_limited", { params: { seconds: Math.ceil(wait / 1000) }, retry_after_ms: wait })
  }
}
