import { expect, test } from "bun:test"
import { type Cancel, systemClock } from "../../src/clock.ts"
import { openChat } from "../store/appends.ts"
import { now, testApp } from "./support.ts"

test("a process that lives says so, without a token", async () => {
  await using app = await testApp()
  const client = await app.clientOf(1)
  const { data } = await (await client.healthz.$get()).json()
  expect(data).toEqual({ status: "ok", instance: "test-1", version: "0.0.0" })
  expect((await app.ask("GET", "/healthz", { user: null })).status).toBe(200)
})

test("an instance with a database that answers is ready, without a token", async () => {
  await using app = await testApp()
  const { status, body } = await app.ask("GET", "/readyz", { user: null })
  expect([status, body.data.status]).toEqual([200, "ok"])
})

test("an instance that has chats is as ready as one that has none", async () => {
  await using app = await testApp()
  await openChat(app.db)
  // Whatever was read before.
  await app.db.client.execute("select id, user_id, chat_id from sessions")
  expect((await app.ask("GET", "/readyz", { user: null })).status).toBe(200)
})

test("an instance that is shutting down is not ready, but lives", async () => {
  await using app = await testApp()
  app.chat.draining = true
  const { status, body } = await app.ask("GET", "/readyz", { user: null })
  expect([status, body.data.code]).toEqual([503, "draining"])
  expect((await app.ask("GET", "/healthz", { user: null })).status).toBe(200)
})

test("an instance whose database is closed is not ready, and tells the cause to its log only", async () => {
  await using app = await testApp()
  app.db.client.close()
  const { status, text, body } = await app.ask("GET", "/readyz", { user: null })
  expect([status, body.data.code]).toEqual([503, "store_unavailable"])
  expect(text).not.toContain("CLIENT_CLOSED")
  expect(app.log).toMatchObject([{ level: "error", fields: { route: "/readyz", err: { cause: expect.any(Error) } } }])
})

test("an instance whose database was never migrated is not ready", async () => {
  await using app = await testApp()
  await app.db.client.execute("drop table sessions")
  expect((await app.ask("GET", "/readyz")).status).toBe(503)
})

test("an instance whose database hangs is not ready after one second", async () => {
  const timers: { ms: number; act: () => void }[] = []
  const after = (ms: number, act: () => void): Cancel => {
    timers.push({ ms, act })
    return () => undefined
  }
  await using app = await testApp({ clock: { ...systemClock, now: () => now, after } })
  app.db.client.execute = () => new Promise(() => undefined)
  const answer = app.ask("GET", "/readyz", { user: null })
  while (timers.length === 0) await Promise.resolve()
  expect(timers.map(({ ms }) => ms)).toEqual([1000])
  for (const { act } of timers) act()
  expect((await answer).status).toBe(503)
})
