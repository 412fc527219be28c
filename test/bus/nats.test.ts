// The bus between instances over a real nats-server: what the contract cannot ask of a single process.
import { expect, test } from "bun:test"
import type { Bus } from "../../src/bus/bus.ts"
import { openNatsBus } from "../../src/bus/nats.ts"
import { silentLog } from "../../src/log.ts"
import type { ServerFrame } from "../../src/protocol/server-frame.ts"
import { natsServer, startNats } from "../support/nats.ts"
import { until } from "../support/until.ts"

const withNats = test.skipIf(natsServer === undefined)
if (!natsServer) process.stderr.write("skipped: nats-server is not on this machine\n")

function frame(replayed: number): ServerFrame {
  return { type: "start", data: { replayed }, trace_id: "t", chat_id: "c" }
}

function open(url: string): { bus: Bus; heard: string[] } & AsyncDisposable {
  const bus = openNatsBus({ url, name: "test", log: silentLog })
  const heard: string[] = []
  bus.onDelivery((session_id, { data }) => void heard.push(`${session_id} ${JSON.stringify(data)}`))
  return { bus, heard, [Symbol.asyncDispose]: () => bus.close() }
}

/** Publishes until it is heard: a subscription takes effect a moment after it was asked for. */
async function reach(from: Bus, to: { heard: string[] }, session_id: string, mark: number): Promise<void> {
  const wanted = `${session_id} {"replayed":${mark}}`
  await until(() => {
    from.publish(session_id, frame(mark))
    return to.heard.includes(wanted)
  }, `${wanted} to be heard`)
}

withNats("promise 9: what one instance publishes reaches the others who look on, and only them", async () => {
  await using nats = await startNats()
  await using a = open(nats.url)
  await using b = open(nats.url)
  await using c = open(nats.url)
  b.bus.subscribe("ses_1")
  c.bus.subscribe("ses_2")
  await reach(a.bus, b, "ses_1", 1)
  await reach(a.bus, c, "ses_2", 2)
  expect(b.heard.every((said) => said.startsWith("ses_1"))).toBe(true)
  expect(c.heard.every((said) => said.startsWith("ses_2"))).toBe(true)
})

withNats("an instance hears its own frames once, at once, and not again from the server", async () => {
  await using nats = await startNats()
  await using a = open(nats.url)
  await using b = open(nats.url)
  a.bus.subscribe("ses_1")
  b.bus.subscribe("ses_1")
  await reach(a.bus, b, "ses_1", 1)
  a.heard.length = 0
  a.bus.publish("ses_1", frame(2))
  expect(a.heard).toEqual(['ses_1 {"replayed":2}'])
  // What b says afterwards arrives after any echo of a's own would have.
  await reach(b.bus, a, "ses_1", 3)
  expect(a.heard.filter((said) => said.includes(":2"))).toHaveLength(1)
})

withNats(
  "promise 9: without the server an instance still hears itself, and finds the others again when it is back",
  async () => {
    await using nats = await startNats()
    await using a = open(nats.url)
    await using b = open(nats.url)
    a.bus.subscribe("ses_1")
    b.bus.subscribe("ses_1")
    await reach(a.bus, b, "ses_1", 1)
    await nats.kill()
    await until(() => !a.bus.connected, "the loss to be noticed")
    a.heard.length = 0
    a.bus.publish("ses_1", frame(2))
    expect(a.heard).toEqual(['ses_1 {"replayed":2}'])
    await nats.start()
    await reach(a.bus, b, "ses_1", 3)
    expect(b.heard).not.toContain('ses_1 {"replayed":2}')
  },
)

withNats("a bus whose server is not there yet opens all the same", async () => {
  await using nats = await startNats()
  await nats.kill()
  await using a = open(nats.url)
  await using b = open(nats.url)
  b.bus.subscribe("ses_1")
  expect(a.bus.connected).toBe(false)
  await nats.start()
  await reach(a.bus, b, "ses_1", 1)
})
