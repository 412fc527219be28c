// The bus between instances over a real nats-server: what the contract cannot ask of a single process.
import { expect, test } from "bun:test"
import type { Bus } from "../../src/bus/bus.ts"
import { openNatsBus } from "../../src/bus/nats.ts"
import { silentLog } from "../../src/log.ts"
import type { ServerFrame } from "../../src/protocol/server-frame.ts"
import { natsServer, startNats } from "../support/nats.ts"
import { freePort } from "../support/port.ts"
import { until } from "../support/until.ts"

const withNats = test.skipIf(natsServer === undefined)
if (!natsServer) process.stderr.write("skipped: nats-server is not on this machine\n")

function frame(replayed: number): ServerFrame {
  return { type: "start", data: { replayed }, trace_id: "t", chat_id: "c" }
}

function open(url: string, ping_ms?: number): { bus: Bus; heard: string[] } & AsyncDisposable {
  const bus = openNatsBus({ url, name: "test", log: silentLog, ...(ping_ms === undefined ? {} : { ping_ms }) })
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

/** Takes connections and says nothing. */
function mute(port = 0) {
  let taken = 0
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port,
    socket: {
      open() {
        taken += 1
      },
      data() {},
    },
  })
  return {
    url: `nats://127.0.0.1:${listener.port}`,
    get taken() {
      return taken
    },
    [Symbol.dispose]: () => listener.stop(true),
  }
}

test("a bus that never found its server stops looking for it when it is closed", async () => {
  const port = freePort()
  const warnings: string[] = []
  const warn = (_: object, text: string) => void warnings.push(text)
  const log = { ...silentLog, warn, error: warn }
  const bus = openNatsBus({ url: `nats://127.0.0.1:${port}`, name: "test", log })
  await until(() => warnings.length > 0, "it to be told that there is no bus yet")
  await bus.close()
  // Now that somebody is there, nobody comes any more, in twice the longest pause.
  using server = mute(port)
  const closed_at = performance.now()
  await until(() => performance.now() - closed_at > 1000, "a second to pass")
  expect([server.taken, bus.connected]).toEqual([0, false])
  expect(warnings).toEqual(["the bus between the instances cannot be reached yet"])
})

test("a bus is closed in bounded time while a server takes its connection and says nothing", async () => {
  using server = mute()
  const bus = openNatsBus({ url: server.url, name: "test", log: silentLog })
  await until(() => server.taken > 0, "the bus to come")
  const closing_at = performance.now()
  await bus.close()
  expect(performance.now() - closing_at).toBeLessThan(3500)
  expect([bus.connected, server.taken]).toEqual([false, 1])
})

withNats(
  "promise 9: a server that is there but says nothing counts as away in bounded time, also with much on its way to it",
  async () => {
    await using nats = await startNats()
    await using a = open(nats.url, 100)
    await using b = open(nats.url, 100)
    b.bus.subscribe("ses_1")
    await reach(a.bus, b, "ses_1", 1)
    nats.freeze()
    const frozen_at = performance.now()
    const much: ServerFrame = {
      type: "progress",
      data: { kind: "text", turn_id: "trn_1", message_id: "msg_1", offset: 0, text: "x".repeat(100_000) },
      ...{ trace_id: "t", chat_id: "c" },
    }
    for (let sent = 0; sent < 200; sent++) a.bus.publish("ses_1", much)
    await until(() => !a.bus.connected && !b.bus.connected, "the silence to be noticed")
    expect(performance.now() - frozen_at).toBeLessThan(2000)
    // Chats that come and go meanwhile are followed on the next connection.
    b.bus.subscribe("ses_2")
    b.bus.unsubscribe("ses_1")
    nats.thaw()
    await until(() => a.bus.connected && b.bus.connected, "the server to be found again")
    await reach(a.bus, b, "ses_2", 2)
    a.bus.publish("ses_1", frame(3))
    await reach(a.bus, b, "ses_2", 4)
    expect(b.heard).not.toContain('ses_1 {"replayed":3}')
  },
)
