// Two instances, one database, NATS between them: a bot runs on the one, somebody looks from the other.
import { natsServer, startNats } from "../../support/nats.ts"
import { noSqld, startSqld } from "../../support/sqld.ts"
import { frameOf } from "../client.ts"
import { closeAll, connectAll, frameWith, joinAll } from "../clients.ts"
import { agesOf } from "../pace.ts"
import { startService } from "../processes.ts"
import { quantile, type Row } from "../table.ts"

export interface CrossInstanceSize {
  readonly chats: number
  readonly deltas: number
  readonly messages: number
}

const name = "cross-instance delivery on loopback (NATS)"
/** Slower than deltas are joined, so that each leaves at once: the way is measured, and no wait. */
const every = 50

export async function crossInstance(
  size: CrossInstanceSize = { chats: 20, deltas: 200, messages: 300 },
): Promise<Row[]> {
  const missing = natsServer ? noSqld : "there is no nats-server on this machine"
  if (missing) return [{ measure: "cross-instance", what: name, value: null, unit: "", note: missing }]
  await using sqld = await startSqld()
  await using nats = await startNats()
  // All is said in one chat, whose bot is at work.
  const line = { CHAT_MAX_QUEUED_TURNS: "1000" }
  const env = { DATABASE_URL: sqld.url, NATS_URL: nats.url, JWT_SECRET: "b".repeat(32), ...line }
  await using here = await startService(env)
  await using there = await startService(env)

  const ages: number[] = []
  const path = (n: number) => `/chat/stream?chat_id=cross-${n}`
  const speakers = await connectAll(here, size.chats, path)
  await joinAll(speakers)
  const listeners = await connectAll(there, size.chats, path, () => (payload) => {
    if (payload.indexOf('{"type":"progress"') === 0) ages.push(...agesOf(payload))
  })
  await joinAll(listeners)
  const ends = listeners.map((client) => frameWith(client, '"type":"end"'))
  const ask = frameOf(JSON.stringify({ type: "message", data: { text: `${size.deltas} ${every}` }, trace_id: "bench" }))
  for (const speaker of speakers) speaker.send(ask)
  await Promise.all(ends)

  const durable = await messages(here, there, size.messages)
  closeAll([...speakers, ...listeners])
  const row = (what: string, value: number, unit: string, target?: Row["target"]): Row => ({
    ...{ measure: "cross-instance", what, value, unit },
    ...(target ? { target } : {}),
  })
  return [
    row(`${name}: a delta's age, ${ages.length} deltas, p50`, quantile(ages, 0.5), "ms", { at_most: 3 }),
    row("  p99", quantile(ages, 0.99), "ms", { at_most: 25 }),
    row(
      "  a message, from sending it (stored on sqld) to its event on the other instance, p50",
      quantile(durable, 0.5),
      "ms",
    ),
    row("  p99", quantile(durable, 0.99), "ms"),
  ]
}

type Instance = Awaited<ReturnType<typeof startService>>

/** One after the other, each from its sending on one instance to its event on the other. */
async function messages(here: Instance, there: Instance, count: number): Promise<number[]> {
  const path = () => "/chat/busy?chat_id=cross-messages"
  const [speaker] = await connectAll(here, 1, path)
  const [listener] = await connectAll(there, 1, path)
  if (!speaker || !listener) throw new Error("nobody came")
  await joinAll([speaker, listener])
  const times: number[] = []
  for (let said = 0; said < count; said++) {
    const seen = frameWith(listener, `"client_id":"x${said}"`)
    const start = performance.now()
    speaker.send(frameOf(`{"type":"message","data":{"text":"a question"},"id":"x${said}"}`))
    await seen
    times.push(performance.now() - start)
  }
  closeAll([speaker, listener])
  return times
}
