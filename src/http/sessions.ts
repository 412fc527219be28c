// /chat/session/*. Reading goes to the store; what a live chat must notice goes through the ChatPort.
import { Hono } from "hono"
import { z } from "zod"
import { ownerFor, reachFor } from "../auth/rights.ts"
import type { Principal } from "../auth/token.ts"
import { ChatError } from "../errors.ts"
import { SessionId, Timestamp } from "../protocol/ids.ts"
import { routes } from "../protocol/rest.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "../store/database.ts"
import { findSession, listSessions } from "../store/sessions.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { pageOf, placeOf } from "./cursor.ts"
import { valid } from "./valid.ts"

const { createSession, listSessions: list, getSession, updateSession, deleteSession } = routes
const Position = z.tuple([Timestamp, SessionId])

export function sessionRoutes({ db, chat }: Pick<AppDeps, "db" | "chat">) {
  return new Hono<ChatEnv>()
    .post(createSession.path, valid("query", createSession.query), valid("json", createSession.body), async (c) =>
      answer(c, await chat.createSession(c.var.principal, c.req.valid("json")), 201),
    )
    .get(list.path, valid("query", list.query), async (c) => {
      const { lang: _, user_id, cursor, limit, ...chosen } = c.req.valid("query")
      const filter = { ...chosen, owner: ownerFor(c.var.principal, user_id) }
      const place = placeOf([list.path, filter], Position, cursor)
      const after = place && { update_time: place[0], id: place[1] }
      const rows = await listSessions(db, filter, { after, limit: limit + 1 })
      return answer(
        c,
        pageOf([list.path, filter], rows, limit, (row) => [row.update_time, row.id]),
      )
    })
    .get(getSession.path, valid("param", getSession.param), valid("query", getSession.query), async (c) => {
      const session = await sessionOf(db, c.var.principal, c.req.valid("param").session_id, c.req.valid("query"))
      const { state, lifecycle, turns, question } = await chat.status(session)
      return answer(c, { ...session, state, lifecycle, turns, question })
    })
    .put(
      updateSession.path,
      valid("param", updateSession.param),
      valid("query", updateSession.query),
      valid("json", updateSession.body),
      async (c) => {
        const { principal, trace_id } = c.var
        const session = await sessionOf(db, principal, c.req.valid("param").session_id, c.req.valid("query"))
        return answer(c, await chat.updateSession(principal, session, c.req.valid("json"), trace_id))
      },
    )
    .delete(deleteSession.path, valid("param", deleteSession.param), valid("query", deleteSession.query), async (c) => {
      const { principal, trace_id } = c.var
      const session = await sessionOf(db, principal, c.req.valid("param").session_id, c.req.valid("query"))
      await chat.deleteSession(principal, session, trace_id)
      return answer(c, { deleted: [session.id] })
    })
}

/** The session that `ref` (a chat_id or session_id) names for this caller. Throws `forbidden`, or `not_found` for missing and foreign alike. */
export async function sessionOf(
  db: Database,
  principal: Principal,
  ref: string,
  { user_id }: { readonly user_id?: number | undefined },
): Promise<Session> {
  const session = await findSession(db, reachFor(principal, user_id), ref)
  if (!session) throw new ChatError("not_found", { params: { what: "session" } })
  return session
}
