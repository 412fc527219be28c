// Several instances on one libSQL server (sqld): each shows what happens on the other, with the bus and without it.
import { expect, test } from "bun:test"
import { z } from "zod"
import { routes } from "../../src/protocol/rest.ts"
import { natsServer, startNats } from "../support/nats.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

const secret = "a secret for both instances, long enough to be one"

function instance(
  database: string,
  bot: ReturnType<typeof scriptedHandler>,
  env: Record<string, string> = {},
): Promise<TestServer> {
  return startTestServer({
    handlers: { scripted: bot.handler },
    env: { DATABASE_URL: database, JWT_SECRET: secret, ...env },
  })
}

if (noSqld) process.stderr.write(`skipped: ${noSqld}\n`)
if (!natsServer) process.stderr.write("skipped: nats-server is not on this machine\n")

test.skipIf(noSqld !== null || !natsServer)(
  "[P4.1, P6.1] with the bus: two devices on two instances see each other's messages and one streamed answer",
  async () => {
    await using sqld = await startSqld()
    await using nats = await startNats()
    const [one, other] = [scriptedHandler(), scriptedHandler()]
    await using a = await instance(sqld.url, one, { NATS_URL: nats.url })
    await using b = await instance(sqld.url, other, { NATS_URL: nats.url })
    const phone = await a.connect({ chat: "c" })
    await phone.join()
    const laptop = await b.connect({ chat: "c" })
    await laptop.join()

    await phone.say("from the phone")
    await laptop.next("message", ({ data }) => data.message === "from the phone")
    const run = await one.run()
    await run.say("Hello ")
    await laptop.next("progress")
    await run.say("both.")
    await laptop.say("from the laptop")
    run.done()
    await (await one.run()).say("And you.")
    expect(other.runs).toBe(0)
    await laptop.send({ type: "interrupt" })
    for (const client of [phone, laptop]) await client.next("end", ({ data }) => data.state === "interrupted")
    expect(laptop.events).toEqual(phone.events)
    expect(phone.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7])
  },
)

test.skipIf(noSqld !== null)(
  "promise 9, [P4.1]: without a bus everybody is right again within two seconds",
  async () => {
    await using sqld = await startSqld()
    const [one, other] = [scriptedHandler(), scriptedHandler()]
    await using a = await instance(sqld.url, one)
    await using b = await instance(sqld.url, other)
    const phone = await a.connect({ chat: "c" })
    await phone.join()
    const laptop = await b.connect({ chat: "c" })
    await laptop.join()

    const said = performance.now()
    await phone.say("hello")
    await laptop.next("message")
    expect(performance.now() - said).toBeLessThan(2000)
    const run = await one.run()
    await run.say("Good day.")
    // The stop goes through the store too.
    await laptop.send({ type: "interrupt" })
    await run.returned
    for (const client of [phone, laptop]) await client.next("end")
    expect(laptop.events).toEqual(phone.events)
  },
)

test.skipIf(noSqld !== null || !natsServer)(
  "promise 9, [P7.8]: the bus dies: everybody is still right within two seconds, and it can be seen; it comes back by itself",
  async () => {
    await using sqld = await startSqld()
    await using nats = await startNats()
    const [one, other] = [scriptedHandler(), scriptedHandler()]
    await using a = await instance(sqld.url, one, { NATS_URL: nats.url })
    await using b = await instance(sqld.url, other, { NATS_URL: nats.url })
    const phone = await a.connect({ chat: "c" })
    await phone.join()
    const laptop = await b.connect({ chat: "c" })
    await laptop.join()
    const ready = async () => routes.ready.data.parse((await answerTo("/readyz")).data)
    const answerTo = async (path: string) => z.object({ data: z.unknown() }).parse(await (await a.fetch(path)).json())
    const bus = async (is: string) => {
      while ((await ready()).service.bus !== is);
    }
    await bus("ok")
    expect(await ready()).toMatchObject({ status: "ok", service: { store: "ok" } })

    await nats.kill()
    await bus("away")
    expect(await ready()).toMatchObject({ status: "degraded", service: { store: "ok", bus: "away" } })
    await phone.send({ type: "status", trace_id: "how" })
    expect((await phone.next("status", ({ trace_id }) => trace_id === "how")).data.service?.bus).toBe("away")
    const said = performance.now()
    await phone.say("hello")
    await laptop.next("message")
    expect(performance.now() - said).toBeLessThan(2000)

    await nats.start()
    await bus("ok")
    const run = await one.run()
    await run.say("Back again.")
    run.done()
    for (const client of [phone, laptop]) await client.next("end")
    expect(laptop.events).toEqual(phone.events)
  },
  20_000,
)
