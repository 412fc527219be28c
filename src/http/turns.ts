// /chat/interrupt stops a turn; /chat/{flow_id} is the WebSocket's address, here for who comes without asking for one.
import { Hono } from "hono"
import { ChatError } from "../errors.ts"
import { routes } from "../protocol/rest.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { interrupt, connect } = routes

export function turnRoutes({ db, chat }: Pick<AppDeps, "db" | "chat">) {
  return new Hono<ChatEnv>().post(
    interrupt.path,
    valid("query", interrupt.query),
    valid("json", interrupt.body),
    async (c) => {
      const { principal, trace_id } = c.var
      const { chat_id, ...request } = c.req.valid("json")
      const session = await sessionOf(db, principal, chat_id, c.req.valid("query"))
      const { result, turn_id } = await chat.interrupt(principal, session, { ...request, trace_id })
      return answer(c, { result, turn_id })
    },
  )
}

/** Real upgrades never get here: server.ts takes them before. */
export function connectRoute() {
  return new Hono<ChatEnv>().get(connect.path, () => {
    throw new ChatError("upgrade_required")
  })
}
