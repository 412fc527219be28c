// /chat/flows: the bots that the caller may use. What they may not use is not there.
import { Hono } from "hono"
import { flowRoutes } from "../protocol/rest-flows.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { valid } from "./valid.ts"

const { listFlows } = flowRoutes

export function flowsRoutes({ flows }: Pick<AppDeps, "flows">) {
  return new Hono<ChatEnv>().get(listFlows.path, valid("query", listFlows.query), (c) =>
    answer(c, { items: flows(c.var.principal, c.var.language) }),
  )
}
