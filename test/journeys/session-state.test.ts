// What a session is at each moment: told when asked, kept in the store, and moved only along the one table.
import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { join } from "node:path"
import { mayLifecycle, maySession } from "../../src/chat/state.ts"
import type { Session } from "../../src/protocol/session.ts"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { until } from "../support/until.ts"

type Told = Pick<Session, "state" | "lifecycle">

async function kept(chat: TestServer): Promise<Told> {
  const answer = (await (await chat.fetch("/chat/session/list")).json()) as { data: { items: Session[] } }
  const [session] = answer.data.items
  if (!session) throw new Error("there is no session")
  return { state: session.state, lifecycle: session.lifecycle }
}

test("[P6.8] status is answered to the sender alone, with what is open; changed is empty and there is no seq", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  const other = await chat.connect({ chat: "c1" })
  await Promise.all([client.join(), other.join()])
  await client.send({ type: "status", trace_id: "t-status", id: "s1" })
  const status = await client.next("status", ({ trace_id }) => trace_id === "t-status")
  expect(status).toEqual({
    ...{ type: "status", trace_id: "t-status", chat_id: "c1" },
    data: {
      ...{ state: "initialized", lifecycle: "active", topic: null, logo: null, head: null },
      ...{ turns: [], question: null, changed: [] },
      here: { devices: 2, users: [{ user_id: 1, devices: 2 }] },
      service: { store: "ok", bus: "none" },
    },
  })
  await other.settled()
  expect(other.frames.some(({ trace_id }) => trace_id === "t-status")).toBe(false)
})

test("[P6.8] through a whole conversation the state told and the state kept are the same, and each step is one of the table", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  const states: Told[] = []
  const look = async () => {
    const trace_id = crypto.randomUUID()
    await client.send({ type: "status", trace_id })
    const { data } = await client.next("status", (frame) => frame.trace_id === trace_id)
    const told = { state: data.state, lifecycle: data.lifecycle }
    expect(await kept(chat)).toEqual(told)
    states.push(told)
  }
  const turn = async (finish: (run: Awaited<ReturnType<typeof bot.run>>) => unknown) => {
    await client.say("a question")
    const run = await bot.run()
    await look()
    await finish(run)
    await client.next("end")
    await look()
  }
  await client.join()
  await look()
  await turn((run) => run.done())
  await turn((run) => void run.yield({ type: "question", prompt: "Which?" }))
  await turn((run) => run.fail(new Error("no")))
  await turn(() => client.ask({ type: "interrupt" }))
  await turn((run) => run.done())
  await client.ask({ type: "end" })
  await look()
  expect(states.map(({ state }) => state)).toEqual([
    ...["initialized" as const, "running" as const, "completed" as const, "running" as const],
    ...["waiting_input" as const, "running" as const, "interrupted" as const, "running" as const],
    ...["interrupted" as const, "running" as const, "completed" as const, "ended" as const],
  ])
  for (const [place, to] of states.entries()) {
    const from = states[place - 1]
    if (!from) continue
    expect([from.state, to.state, maySession(from.state, to.state)]).toEqual([from.state, to.state, true])
    if (from.lifecycle !== to.lifecycle) expect(mayLifecycle(from.lifecycle, to.lifecycle)).toBe(true)
  }
})

test("[P6.8] a session is created, active while somebody is there, paused connection_timeout after the last one left, and active again", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ clock, env: { CHAT_CONNECTION_TIMEOUT: "60" } })
  const body = JSON.stringify({ flow_id: "default", chat_id: "c1" })
  await chat.fetch("/chat/session/create", { method: "POST", body, headers: { "content-type": "application/json" } })
  expect(await kept(chat)).toMatchObject({ lifecycle: "created" })
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  expect(await kept(chat)).toMatchObject({ lifecycle: "active" })
  await clock.advance(600_000)
  expect(await kept(chat)).toMatchObject({ lifecycle: "active" })

  client.close()
  await until(() => chat.server.manager.getActiveSessions().length === 0, "the client to be gone")
  await clock.advance(59_000)
  expect(await kept(chat)).toMatchObject({ lifecycle: "active" })
  await clock.advance(1000)
  expect(await kept(chat)).toMatchObject({ lifecycle: "paused" })
  const back = await chat.connect({ chat: "c1" })
  const frames = await back.join()
  expect(frames[0]?.data).toMatchObject({ session: { lifecycle: "active" } })
  expect(await kept(chat)).toMatchObject({ lifecycle: "active" })
})

test("[P6.8] a chat stays while its bot works, also when nobody looks; the answer is there for who comes back", async () => {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  const env = { CHAT_CONNECTION_TIMEOUT: "10" }
  await using chat = await startTestServer({ clock, env, handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  await client.say("work for an hour")
  const run = await bot.run()
  client.cut()
  await until(() => chat.server.manager.getActiveSessions()[0]?.connections === 0, "the client to be gone")
  await run.say("Half an hour. ")
  await clock.advance(1_800_000)
  const late = await chat.connect({ chat: "c1" })
  await late.join({ cursor: 0 })
  expect(late.streamed()).toBe("Half an hour. ")
  late.cut()
  await until(() => chat.server.manager.getActiveSessions()[0]?.connections === 0, "the client to be gone")
  await run.say("Done.")
  run.done()
  await until(() => chat.server.manager.getActiveSessions().length === 0, "the turn to end")
  await clock.advance(10_000)
  expect(await kept(chat)).toEqual({ state: "completed", lifecycle: "paused" })
  const last = await chat.connect({ chat: "c1" })
  await last.join({ cursor: 0 })
  expect(last.events.map(({ type }) => type)).toEqual(["message", "result", "end"])
})

test("[P6.8] the topic and logo that are changed over REST are seen live, as a durable status", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  const headers = { "content-type": "application/json" }
  const change = JSON.stringify({ topic: "A trip 旅行", logo: "https://files.example.org/logo.png" })
  await chat.fetch("/chat/session/c1", { method: "PUT", headers, body: change })
  const status = await client.next("status")
  expect(status).toMatchObject({ seq: 1, data: { topic: "A trip 旅行", changed: ["topic", "logo"] } })
  await chat.fetch("/chat/session/c1", { method: "PUT", headers, body: JSON.stringify({ topic: null }) })
  expect(await client.next("status")).toMatchObject({ seq: 2, data: { topic: null, changed: ["topic"] } })
})

test("[P6.8] when the service stops, or did not get to stop, nobody is in its chats any more", async () => {
  await using first = await startTestServer()
  await (await first.connect({ chat: "c1" })).join()
  expect(await kept(first)).toMatchObject({ lifecycle: "active" })
  await first.stop()
  // Left as by a crash: active, although nobody can be there.
  const sqlite = new Database(join(first.folder, "chat.db"))
  expect(sqlite.query("select lifecycle from sessions").all()).toEqual([{ lifecycle: "paused" }])
  sqlite.run("update sessions set lifecycle = 'active'")
  sqlite.close()
  await using later = await startTestServer({ folder: first.folder })
  expect(await kept(later)).toMatchObject({ lifecycle: "paused" })
})
