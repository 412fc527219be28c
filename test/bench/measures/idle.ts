// Connections that do nothing, each joined to a chat of its own: the memory that one more costs.
import { closeAll, connectAll, joinAll } from "../clients.ts"
import { startPeer, startService } from "../processes.ts"
import type { Row } from "../table.ts"

export interface IdleSize {
  readonly before: number
  readonly connections: number
}

export async function idle(size: IdleSize = { before: 500, connections: 10_000 }): Promise<Row[]> {
  const row = (what: string, value: number, target?: Row["target"]): Row => ({
    ...{ measure: "idle", what, value, unit: "kB RSS each" },
    ...(target ? { target } : {}),
  })
  const path = (n: number) => `/chat/quiet?chat_id=idle-${n}`
  await using server = await startService()
  // The first ones pay for the code that is compiled as they come.
  const first = await connectAll(server, size.before, path)
  await joinAll(first)
  const before = await server.usage({ gc: true })
  const clients = await connectAll(server, size.connections, (n) => path(n + size.before))
  await joinAll(clients)
  const after = await server.usage({ gc: true })
  closeAll([...first, ...clients])

  await using bare = await startPeer("bare.ts")
  const bareBefore = await bare.usage({ gc: true })
  const bareClients = await connectAll(bare, size.connections, (n) => `/?topic=t${n}`)
  const bareAfter = await bare.usage({ gc: true })
  closeAll(bareClients)

  const each = (from: number, to: number) => (to - from) / 1024 / size.connections
  return [
    row(`idle connections, ${size.connections}, each in a chat of its own`, each(before.rss, after.rss), {
      at_most: 8,
    }),
    row("  bare Bun sockets with a topic each", each(bareBefore.rss, bareAfter.rss)),
  ]
}
