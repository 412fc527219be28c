// Many writes at once on a libSQL server, which has one write lock and hands it out in no order.
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { createClient } from "@libsql/client"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import type { Session } from "../../src/protocol/session.ts"
import { withSerialWrites } from "../../src/store/serial-writes.ts"
import { insertSessions } from "../../src/store/session-changes.ts"
import { openServerDatabase } from "../support/database.ts"
import { noSqld, type Sqld, startSqld } from "../support/sqld.ts"
import { openChat } from "./appends.ts"

describe.skipIf(noSqld !== null)("writes on a libSQL server", () => {
  let server: Sqld
  beforeAll(async () => {
    server = await startSqld()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const another = (like: Session): Session => ({ ...like, id: newId("session"), chat_id: newId("chat") })

  test("hundreds at once, from two instances, are all taken: none waits for ever, none is refused as busy", async () => {
    using one = await openServerDatabase(server.url, 5000)
    using other = await openServerDatabase(server.url, 5000)
    const chat = await openChat(one)
    const writes = Array.from({ length: 200 }, () => [one, other].map((db) => insertSessions(db, [another(chat)])))
    expect((await Promise.all(writes.flat())).every(([made]) => made)).toBe(true)
  })

  test("at most one write of an instance is under way, whatever it is; reads are not held up by it", async () => {
    const under = { writes: 0, most: 0 }
    const count = async (request: Request) => {
      const isWrite = /insert|update|BEGIN IMMEDIATE/.test(await request.clone().text())
      if (isWrite) under.most = Math.max(under.most, ++under.writes)
      return fetch(request).finally(() => (isWrite ? under.writes-- : 0))
    }
    const real = createClient({ url: server.url, fetch: count })
    const client = withSerialWrites(real, { clock: systemClock, patience_ms: 5000 })
    const touch = "update sessions set topic = 'x' where id = 'none'"
    await Promise.all(
      Array.from({ length: 30 }, () => [
        client.execute(touch),
        client.batch([touch, touch], "write"),
        client.batch([`with a as (select 1) ${touch}`]),
        client.execute("select 1"),
      ]).flat(),
    )
    real.close()
    expect(under.most).toBe(1)
  })

  test("while the server is away those who wait in line are told after the same time, not one after the other", async () => {
    using db = await openServerDatabase(server.url, 300)
    const chat = await openChat(db)
    server.freeze()
    const started = performance.now()
    const writes = await Promise.allSettled(Array.from({ length: 50 }, () => insertSessions(db, [another(chat)])))
    const took = performance.now() - started
    server.thaw()
    expect(writes.every(({ status }) => status === "rejected")).toBe(true)
    expect(took).toBeLessThan(1500)
    expect(await insertSessions(db, [another(chat)])).toEqual([true])
  })
})
