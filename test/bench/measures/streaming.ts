// Many chats in which a bot streams, two devices each: how late a delta comes, and what it costs.

import { frameOf, type OnFrame } from "../client.ts"
import { closeAll, connectAll, frameWith, joinAll } from "../clients.ts"
import { agesOf } from "../pace.ts"
import { startPeer, startService } from "../processes.ts"
import { quantile, type Row } from "../table.ts"

export interface StreamingSize {
  readonly chats: number
  readonly deltas: number
}

const devices = 2
const every = 20

export async function streaming(size: StreamingSize = { chats: 500, deltas: 500 }): Promise<Row[]> {
  const ours = await inService(size)
  const bare = await inBare(size)
  const rate = `${size.chats} chats x ${1000 / every} deltas/s x ${devices} devices`
  const row = (what: string, value: number, unit: string, target?: Row["target"]): Row => ({
    ...{ measure: "streaming", what, value, unit },
    ...(target ? { target } : {}),
  })
  return [
    row(`streaming, ${rate}: a delta's age when it comes, p99`, quantile(ours.ages, 0.99), "ms", { at_most: 100 }),
    row("  the same, p50", quantile(ours.ages, 0.5), "ms"),
    row("  the same, bare Bun, p99", quantile(bare.ages, 0.99), "ms"),
    row("  service", ours.cpu, "us CPU/delta"),
    row("  bare Bun with the same source and frames", bare.cpu, "us CPU/delta"),
    row("  service / bare", ours.cpu / bare.cpu, "x", { at_most: 2 }),
    row("  of one core, service", ours.share, "%"),
  ]
}

interface Streamed {
  readonly ages: Float64Array
  readonly cpu: number
  readonly share: number
}

async function inService({ chats, deltas }: StreamingSize): Promise<Streamed> {
  await using server = await startService()
  const watch = watcher(chats * deltas * devices)
  const path = (number: number) => `/chat/stream?chat_id=stream-${Math.floor(number / devices)}`
  const clients = await connectAll(server, chats * devices, path, () => watch.onFrame)
  await joinAll(clients)
  const ask = frameOf(JSON.stringify({ type: "message", data: { text: `${deltas} ${every}` }, trace_id: "bench" }))
  const streamed = await measured(server, chats * deltas, watch, async () => {
    const ends = clients.map((client) => frameWith(client, '"type":"end"'))
    for (const client of clients.filter((_, number) => number % devices === 0)) client.send(ask)
    await Promise.all(ends)
  })
  closeAll(clients)
  return streamed
}

async function inBare({ chats, deltas }: StreamingSize): Promise<Streamed> {
  await using server = await startPeer("bare.ts")
  const watch = watcher(chats * deltas * devices)
  const path = (number: number) => `/?topic=t${Math.floor(number / devices)}`
  const clients = await connectAll(server, chats * devices, path, () => watch.onFrame)
  const streamed = await measured(server, chats * deltas, watch, async () => {
    await server.ask({ ask: "stream", topics: chats, count: deltas, every })
    await watch.all
  })
  closeAll(clients)
  return streamed
}

interface Watch {
  readonly onFrame: OnFrame
  readonly ages: Float64Array
  /** Every delta came to every device. */
  readonly all: Promise<void>
}

/** Deltas that were joined on the way count one by one; so do those of `result`, which is left out. */
function watcher(expected: number): Watch {
  const ages = new Float64Array(expected)
  let seen = 0
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const onFrame: OnFrame = (payload) => {
    if (payload.indexOf('{"type":"progress"') !== 0) return
    for (const age of agesOf(payload)) ages[seen++] = age
    if (seen === expected) resolve()
  }
  return { onFrame, ages, all }
}

async function measured(
  server: Awaited<ReturnType<typeof startService>>,
  deltas: number,
  watch: Watch,
  run: () => Promise<void>,
): Promise<Streamed> {
  const before = await server.usage()
  const start = performance.now()
  await run()
  await watch.all
  const seconds = (performance.now() - start) / 1000
  const after = await server.usage()
  const cpu = after.cpu_us - before.cpu_us
  return { ages: watch.ages, cpu: cpu / deltas, share: cpu / seconds / 10_000 }
}
