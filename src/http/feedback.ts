// /chat/message/feedback: what a person thinks of an answer.
import { Hono } from "hono"
import { routes } from "../protocol/rest.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { feedback } = routes

export function feedbackRoute({ db, chat }: Pick<AppDeps, "db" | "chat">) {
  return new Hono<ChatEnv>().post(
    feedback.path,
    valid("query", feedback.query),
    valid("json", feedback.body),
    async (c) => {
      const { principal, trace_id, language } = c.var
      const { chat_id, client_id, ...opinion } = c.req.valid("json")
      const session = await sessionOf(db, principal, chat_id, c.req.valid("query"))
      const said = {
        data: { kind: "feedback" as const, ...opinion },
        ...(client_id === undefined ? {} : { id: client_id }),
      }
      const { seq, dup } = await chat.handleMessage(session.id, said, { principal, language, trace_id })
      return answer(c, { seq, dup })
    },
  )
}
