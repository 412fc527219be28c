// /chat/statistics and /chat/messages/count: aggregates, straight from the store.
import { Hono } from "hono"
import { z } from "zod"
import { ownerFor } from "../auth/rights.ts"
import { ChatError } from "../errors.ts"
import { routes } from "../protocol/rest.ts"
import { countMessages } from "../store/messages.ts"
import { readStatistics } from "../store/statistics.ts"
import { readGroups } from "../store/statistics-groups.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { pageOf, placeOf } from "./cursor.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { statistics, countMessages: count } = routes
/** The key of a group. */
const Place = z.tuple([z.string()])
const UserPlace = z.tuple([z.string().regex(/^\d{1,16}$/)])

export function statisticsRoutes({ db }: Pick<AppDeps, "db">) {
  return new Hono<ChatEnv>()
    .get(statistics.path, valid("query", statistics.query), async (c) => {
      const { lang: _, user_id, group_by, cursor, limit, ...chosen } = c.req.valid("query")
      const filter = { ...chosen, owner: ownerFor(c.var.principal, user_id) }
      if (group_by === "user" && filter.owner !== "anyone") throw new ChatError("forbidden")
      const list = [statistics.path, filter, group_by]
      const after = placeOf(list, group_by === "user" ? UserPlace : Place, cursor)?.[0]
      const sums = await readStatistics(db, filter)
      if (group_by === undefined) return answer(c, sums)
      const rows = await readGroups(db, filter, group_by, { after, limit: limit + 1 })
      return answer(c, { ...sums, groups: pageOf(list, rows, limit, ({ key }) => [key]) })
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
