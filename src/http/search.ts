// /chat/search: straight from the store.
import { Hono } from "hono"
import { z } from "zod"
import { reachFor } from "../auth/rights.ts"
import { ChatError } from "../errors.ts"
import { routes } from "../protocol/rest.ts"
import { RateLimits } from "../rate-limit.ts"
import { searchMessages } from "../store/search.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { cursorAt, placeOf } from "./cursor.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { search } = routes
const Position = z.tuple([z.int().min(1)])
/** Of one user, a second and at once: enough for a search with each key that is pressed. */
const pace = { rate: 5, burst: 20 }

export function searchRoutes({ db, clock }: Pick<AppDeps, "db" | "clock">) {
  const limits = new RateLimits(clock, pace)
  return new Hono<ChatEnv>().get(search.path, valid("query", search.query), async (c) => {
    const { lang: _, user_id, chat_id, cursor, limit, ...asked } = c.req.valid("query")
    const { principal } = c.var
    const { named_by } = reachFor(principal, user_id)
    const wait = limits.take(principal.user_id)
    if (wait > 0) {
      throw new ChatError("rate_limited", { params: { seconds: Math.ceil(wait / 1000) }, retry_after_ms: wait })
    }
    const session = chat_id === undefined ? undefined : await sessionOf(db, principal, chat_id, { user_id })
    const filter = { ...asked, owner: session?.user_id ?? named_by, session_id: session?.id }
    const list = [search.path, filter]
    const after = placeOf(list, Position, cursor)?.[0]
    const { items, next } = await searchMessages(db, filter, { after, limit })
    return answer(c, { items, next_cursor: next === null ? null : cursorAt(list, [next]) })
  })
}
