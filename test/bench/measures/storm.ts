// An instance comes back with nothing in memory, and everybody comes back to it at once, each with a cursor far behind.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { frameOf, LeanClient } from "../client.ts"
import { closeAll } from "../clients.ts"
import { startService } from "../processes.ts"
import { seedDatabase } from "../seed.ts"
import { quantile, type Row } from "../table.ts"

export interface StormSize {
  readonly clients: number
  readonly chats: number
  readonly behind: number
}

export async function storm(size: StormSize = { clients: 5000, chats: 5000, behind: 100 }): Promise<Row[]> {
  const { clients: count, chats, behind } = size
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-bench-"))
  try {
    await seedDatabase(folder, { chats, events: behind + 20, flow_id: "quiet" })
    await using server = await startService({ DATA_DIR: folder })
    const before = await server.usage()
    const start = performance.now()
    const returning = Array.from({ length: count }, (_, n) => comeBack(server, `seed-${n % chats}`, 20))
    const came = await Promise.all(returning)
    const seconds = (performance.now() - start) / 1000
    const after = await server.usage()
    closeAll(came.map(({ client }) => client))
    const lost = came.reduce((sum, { events }) => sum + Math.abs(behind - events), 0)
    const row = (what: string, value: number, unit: string, target?: Row["target"]): Row => ({
      ...{ measure: "storm", what, value, unit },
      ...(target ? { target } : {}),
    })
    const name = `reconnect storm, ${count} clients in ${chats} chats, ${behind} events behind, a fresh instance`
    return [
      row(`${name}: all caught up`, seconds, "s", { at_most: 10 }),
      row("  events lost, repeated or out of order", lost, "", { at_most: 0 }),
      row(
        "  until a client is caught up, p50",
        quantile(
          came.map(({ ms }) => ms / 1000),
          0.5,
        ),
        "s",
      ),
      row("  CPU of the service for each client", (after.cpu_us - before.cpu_us) / 1000 / count, "ms"),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Back {
  readonly client: LeanClient
  /** In their order. */
  readonly events: number
  readonly ms: number
}

/** A client with a cursor: resolves when it is told that it is up to date. */
async function comeBack(server: { url: string; token: string }, chat: string, cursor: number): Promise<Back> {
  const start = performance.now()
  const done = Promise.withResolvers<number>()
  let events = 0
  const client = await LeanClient.connect(`${server.url}/chat/quiet?chat_id=${chat}`, server.token, (payload) => {
    // The place is at the end of a durable frame; a message may say the word as well.
    const at = payload.lastIndexOf('"seq":')
    const seq = at === -1 ? 0 : Number.parseInt(payload.toString("latin1", at + 6), 10)
    if (seq > 0 && payload.indexOf('{"type":"start"') !== 0) events += seq === cursor + events + 1 ? 1 : -1_000_000
    // Its own replay: it may have been joined before it could speak (P5.1).
    else if (payload.includes('"replayed"') && payload.includes('"trace_id":"mine"'))
      done.resolve(performance.now() - start)
  })
  client.send(frameOf(JSON.stringify({ type: "start", data: { cursor }, trace_id: "mine" })))
  return { client, ms: await done.promise, events }
}
