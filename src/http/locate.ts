// Which row of the table a request is for. An address that no row has is `not_found`, a wrong method is `method_not_allowed`.
import type { Context } from "hono"
import { createMiddleware } from "hono/factory"
import { ChatError } from "../errors.ts"
import { routes } from "../protocol/rest.ts"
import type { Route } from "../protocol/route.ts"
import type { Env } from "./answer.ts"

const table: readonly Route[] = Object.values(routes)
const fixed = Map.groupBy(
  table.filter((route) => !route.path.includes(":")),
  (route) => route.path,
)
const patterns = [
  ...Map.groupBy(
    table.filter((route) => route.path.includes(":")),
    (route) => route.path,
  ),
].map(([path, rows]) => ({ pattern: new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`), rows }))

export const locate = createMiddleware<Env>(async (c, next) => {
  // Fixed addresses first: GET /chat/interrupt is a wrong method and not the flow "interrupt".
  const rows = fixed.get(c.req.path) ?? patterns.find(({ pattern }) => pattern.test(c.req.path))?.rows
  if (!rows) throw new ChatError("not_found", { params: { what: "address" } })
  c.set("route", rows.find((row) => row.method === methodOf(c)) ?? wrongMethod(c, rows))
  await next()
})

function methodOf(c: Context): string {
  return c.req.method === "HEAD" ? "get" : c.req.method.toLowerCase()
}

function wrongMethod(c: Context, rows: readonly Route[]): never {
  const allowed = rows.map((row) => (row.method === "get" ? "GET, HEAD" : row.method.toUpperCase()))
  c.header("Allow", allowed.join(", "))
  throw new ChatError("method_not_allowed", { params: { method: c.req.method } })
}
