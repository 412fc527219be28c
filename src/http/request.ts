// The first and the last to see a request: gives it its trace_id and language, and writes one line of the log about it.
import { createMiddleware } from "hono/factory"
import type { Clock } from "../clock.ts"
import { chooseLanguage } from "../language/language.ts"
import type { Log } from "../log.ts"
import { type Env, errorOf } from "./answer.ts"

// What a header can carry back unchanged; anything else is as if there were none.
const traceHeader = /^[\x21-\x7e]{1,128}$/

export function requestContext({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
  return createMiddleware<Env>(async (c, next) => {
    const started = clock.now()
    const asked = c.req.header("X-Trace-Id")
    const trace_id = asked !== undefined && traceHeader.test(asked) ? asked : crypto.randomUUID()
    c.set("trace_id", trace_id)
    c.set("language", chooseLanguage(c.req.query("lang"), c.req.header("Accept-Language")))
    c.header("X-Trace-Id", trace_id)
    await next()
    const { route } = c.var
    const line = {
      method: c.req.method,
      // The pattern, not the address: ids and filters are the caller's business.
      route: route?.path ?? "unknown",
      status: c.res.status,
      ms: clock.now() - started,
      trace_id,
      ...(c.error ? { code: errorOf(c.error).code } : {}),
    }
    // Shutting down is no fault, however often it is asked about.
    if (c.res.status >= 500 && line.code !== "draining") log.error({ ...line, err: c.error }, "request")
    else if (route?.path === "/healthz" || route?.path === "/readyz") log.debug(line, "request")
    else log.info(line, "request")
  })
}
