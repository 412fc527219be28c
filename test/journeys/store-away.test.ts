// The store is away for a while: what is new is refused for now, a running answer goes on, and is stored when it is back.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

const recorded = { debug() {}, info() {}, warn() {}, error() {}, child: () => recorded }

test.skipIf(noSqld !== null)(
  "[P3.4] [P7.8] while the store is away everything new is refused as retryable; a running answer streams on and is kept",
  async () => {
    await using sqld = await startSqld()
    const bot = scriptedHandler()
    const env = { DATABASE_URL: sqld.url }
    await using chat = await startTestServer({ handlers: { scripted: bot.handler }, env, log: recorded })
    const client = await chat.connect({ chat: "c1" })
    await client.say("talk")
    const run = await bot.run()
    await run.say("Before. ")
    await sqld.kill()

    expect(await client.say("more", "m2")).toMatchObject({
      type: "error",
      data: { code: "store_unavailable", retry: true },
    })
    const stranger = await chat.connect({ chat: "c2", user: 2 })
    expect((await stranger.next("error")).data).toMatchObject({ code: "store_unavailable", retry: true })
    expect(await stranger.closed).toMatchObject({ code: 1011 })
    const rest = await chat.fetch("/chat/session/list")
    expect(rest.status).toBe(503)
    expect(await rest.json()).toMatchObject({ data: { code: "store_unavailable", retry: true } })
    expect((await chat.fetch("/readyz")).status).toBe(503)
    await client.send({ type: "status", trace_id: "how" })
    const status = await client.next("status", ({ trace_id }) => trace_id === "how")
    expect(status.data).toMatchObject({ state: "running", service: { store: "away", bus: "none" } })

    await run.say("And during.")
    run.done()
    await client.next("progress", ({ data }) => data.kind === "text" && data.text.includes("during"))
    await sqld.restart()
    await client.next("end", ({ data }) => data.state === "completed")
    expect(client.events.find(({ type }) => type === "result")?.data).toMatchObject({ message: "Before. And during." })
    expect((await chat.fetch("/readyz")).status).toBe(200)
    await client.send({ type: "status", trace_id: "and now" })
    const again = await client.next("status", ({ trace_id }) => trace_id === "and now")
    expect(again.data.service).toEqual({ store: "ok", bus: "none" })
    await client.send({ type: "message", data: { text: "more" }, id: "m2" })
    expect((await client.next("ack", ({ id }) => id === "m2")).data).toMatchObject({ seq: 4, dup: false })
    ;(await bot.run()).done()
  },
)
