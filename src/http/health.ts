// /healthz: the process lives. /readyz: it should be sent requests. No token, no secret.
import { Hono } from "hono"
import { type Clock, delay } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { routes } from "../protocol/rest.ts"
import type { Database } from "../store/database.ts"
import { answer, type Env } from "./answer.ts"
import type { AppDeps } from "./app.ts"

const { health, ready } = routes
const patience_ms = 1000

export function healthRoutes({ db, chat, clock, instance, version }: AppDeps) {
  const well = { status: "ok", instance, version } as const
  return new Hono<Env>()
    .get(health.path, (c) => answer(c, well))
    .get(ready.path, async (c) => {
      if (chat.draining) throw new ChatError("draining")
      await databaseAnswers(db, clock)
      const { service } = chat
      return answer(c, { ...well, status: service.bus === "away" ? "degraded" : "ok", service } as const)
    })
}

async function databaseAnswers(db: Database, clock: Clock): Promise<void> {
  const inTime = new AbortController()
  const late = delay(clock, patience_ms, inTime.signal).then(() => "late" as const)
  try {
    // A table, since `select 1` would not even open the file.
    const answered = await Promise.race([db.client.execute("select 1 from sessions limit 1"), late])
    if (answered === "late") throw new Error(`the database has not answered within ${patience_ms} ms`)
  } catch (cause) {
    throw new ChatError("store_unavailable", { cause })
  } finally {
    inTime.abort()
  }
}
