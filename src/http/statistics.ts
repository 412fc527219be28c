// /chat/statistics and /chat/messages/count: aggregates, straight from the store.
import { Hono } from "hono"
import { ownerFor } from "../auth/rights.ts"
import { routes } from "../protocol/rest.ts"
import { countMessages } from "../store/messages.ts"
import { readStatistics } from "../store/statistics.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { statistics, countMessages: count } = routes

export function statisticsRoutes({ db }: Pick<AppDeps, "db">) {
  return new Hono<ChatEnv>()
    .get(statistics.path, valid("query", statistics.query), async (c) => {
      const { lang: _, user_id, ...filter } = c.req.valid("query")
      return answer(c, await readStatistics(db, { ...filter, owner: ownerFor(c.var.principal, user_id) }))
    })
    .get(count.path, valid("query", count.query), async (c) => {
      const { lang: _, user_id, chat_id, ...filter } = c.req.valid("query")
      const { principal } = c.var
      if (chat_id === undefined) {
        return answer(c, { count: await countMessages(db, { ...filter, owner: ownerFor(principal, user_id) }) })
      }
      const session = await sessionOf(db, principal, chat_id, { user_id: user_id === "all" ? undefined : user_id })
      return answer(c, {
        count: await countMessages(db, { ...filter, owner: session.user_id, session_id: session.id }),
      })
    })
}
