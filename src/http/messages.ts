// /chat/message/*: the history of a session page by page, and deleting from it.
import { Hono } from "hono"
import { z } from "zod"
import { ChatError } from "../errors.ts"
import { MessageId, Seq } from "../protocol/ids.ts"
import { routes } from "../protocol/rest.ts"
import { branchMessages } from "../store/branch-messages.ts"
import { listMessages } from "../store/messages.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { badCursor, cursorAt, pageOf, placeOf } from "./cursor.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { history, deleteMessages } = routes
const Position = z.tuple([Seq])

export function messageRoutes({ db, chat }: Pick<AppDeps, "db" | "chat">) {
  return new Hono<ChatEnv>()
    .get(history.path, valid("query", history.query), async (c) => {
      const { lang: _, user_id, chat_id, cursor, limit, order, branch, ...filter } = c.req.valid("query")
      const session = await sessionOf(db, c.var.principal, chat_id, { user_id })
      if (branch) {
        const list = [history.path, session.id, branch]
        const after = placeOf(list, MessageId, cursor)
        const { items, next } = await branchMessages(db, session.id, { head: session.head, after, limit })
        return answer(c, { items, next_cursor: next === null ? null : cursorAt(list, next) })
      }
      const list = [history.path, session.id, order, filter]
      const after = placeOf(list, Position, cursor)?.[0]
      // No page ever ended there.
      if (after !== undefined && after > session.last_seq) throw badCursor()
      const rows = await listMessages(db, session, filter, { order, after, limit: limit + 1 })
      return answer(
        c,
        pageOf(list, rows, limit, (row) => [row.seq]),
      )
    })
    .delete(deleteMessages.path, valid("query", deleteMessages.query), async (c) => {
      const { user_id, chat_id, message_id } = c.req.valid("query")
      const { principal, trace_id } = c.var
      const session = await sessionOf(db, principal, chat_id, { user_id })
      const deleted = await chat.deleteMessages(principal, session, [...new Set(message_id)], trace_id)
      if (deleted.length === 0) throw new ChatError("not_found", { params: { what: "message" } })
      return answer(c, { deleted })
    })
}
