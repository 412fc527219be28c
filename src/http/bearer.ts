// Authorization: Bearer <jwt> -> the principal. Every route needs one that the table does not call open.
import { createMiddleware } from "hono/factory"
import { verifyToken } from "../auth/token.ts"
import type { Clock } from "../clock.ts"
import type { ChatEnv } from "./answer.ts"

export function bearer({ secret, clock }: { readonly secret: Uint8Array; readonly clock: Clock }) {
  return createMiddleware<ChatEnv>(async (c, next) => {
    if (!c.var.route?.open) {
      // RFC 9110, 11.1: the scheme's name has no case.
      const token = /^bearer +(\S+) *$/i.exec(c.req.header("Authorization") ?? "")?.[1]
      c.set("principal", await verifyToken(secret, token ?? null, clock))
    }
    await next()
  })
}
