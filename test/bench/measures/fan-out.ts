// One chat, many sockets: what one delivery costs the server, when events come one by one and when they come in bursts.

import { frameOf, type LeanClient, type OnFrame } from "../client.ts"
import { closeAll, connectAll, frameWith, joinAll } from "../clients.ts"
import { NotHere, type Runtime, type Server, startPeer, startService } from "../processes.ts"
import type { Row } from "../table.ts"

export interface FanOutSize {
  readonly sockets: number
  readonly single: number
  readonly bursts: number
}

/** `bursts` times `size` events, `every` milliseconds apart. */
interface Speech {
  readonly bursts: number
  readonly size: number
  readonly every: number
}

interface Measured {
  /** Microseconds of the server's CPU for each delivery. */
  readonly cpu: number
  readonly bytes: number
}

interface Room {
  readonly server: Server
  readonly clients: readonly LeanClient[]
  /** What came, at all clients. */
  readonly came: { frames: number; bytes: number; tell(): void }
}

const socketIo = { open: "/socket.io/?EIO=4&transport=websocket", file: "socket-io.mjs" }

export async function fanOut(size: FanOutSize = { sockets: 1000, single: 200, bursts: 30 }): Promise<Row[]> {
  const one: Speech = { bursts: size.single, size: 1, every: 20 }
  const burst: Speech = { bursts: size.bursts, size: 32, every: 150 }

  const delta = await inService("stream", ({ bursts, every }) => `${bursts} ${every}`, one, size)
  const steps = await inService("steps", ({ bursts, size, every }) => `${bursts} ${size} ${every}`, burst, size)
  const durable = await durableInService(one, size)
  const bare = (speech: Speech, bytes: number) => ofPeer({ file: "bare.ts" }, speech, bytes, size)
  const limit = { one: await bare(one, 200), burst: await bare(burst, 200), durable: await bare(one, durable.bytes) }
  // What the frame's envelope costs, and what the service.
  const envelope = await bare(burst, steps.bytes)

  const rows: Row[] = [
    row(`one by one: service, deltas of ${delta.bytes} bytes`, delta),
    row("one by one: bare Bun publish of 200 bytes", limit.one),
    ratio("service / bare, one by one", delta.cpu / limit.one.cpu, { at_most: 1.5 }),
    row(`in bursts of 32: service, steps of ${steps.bytes} bytes`, steps),
    row("in bursts of 32: bare Bun publish of 200 bytes", limit.burst),
    ratio("service / bare, in bursts", steps.cpu / limit.burst.cpu, { at_most: 1.5 }),
    row(`in bursts of 32: bare Bun publish of ${steps.bytes} bytes`, envelope),
    ratio("service / bare of the same bytes, in bursts", steps.cpu / envelope.cpu),
    row(`one by one: service, durable events of ${durable.bytes} bytes, stored first`, durable),
    row(`one by one: bare Bun publish of ${durable.bytes} bytes`, limit.durable),
    ratio("service / bare, durable", durable.cpu / limit.durable.cpu, { at_most: 1.5 }),
  ]
  for (const { name, ...peer } of peers) {
    try {
      const single = await ofPeer(peer, one, 200, size)
      const inBursts = await ofPeer(peer, burst, 200, size)
      const target = peer.file === socketIo.file ? { at_least: 10 } : undefined
      rows.push(row(`one by one: ${name}, 200 bytes`, single), row(`in bursts of 32: ${name}, 200 bytes`, inBursts))
      rows.push(ratio(`${name} / service, one by one`, single.cpu / delta.cpu, target))
      rows.push(ratio(`${name} / service, in bursts`, inBursts.cpu / steps.cpu, target))
      // What the service could reach at most.
      rows.push(ratio(`${name} / bare Bun, one by one`, single.cpu / limit.one.cpu))
      rows.push(ratio(`${name} / bare Bun, in bursts`, inBursts.cpu / limit.burst.cpu))
    } catch (error) {
      if (!(error instanceof NotHere)) throw error
      rows.push({ measure: "fan-out", what: name, value: null, unit: "", note: error.message })
    }
  }
  return rows
}

type Request = Parameters<Server["ask"]>[0]

interface Peer {
  readonly file: string
  readonly runtime?: Runtime
  readonly path?: string
  readonly onFrame?: OnFrame
}

/** Socket.IO's client says "40" to join and answers "2" with "3". */
const onSocketIoFrame: OnFrame = (payload, client) => {
  if (payload.length === 1 && payload[0] === 0x32) client.send(frameOf("3"))
}

const peers: readonly (Peer & { readonly name: string })[] = [
  { name: "Socket.IO on Node", file: socketIo.file, runtime: "node", path: socketIo.open, onFrame: onSocketIoFrame },
  { name: "Socket.IO on Bun", file: socketIo.file, runtime: "bun", path: socketIo.open, onFrame: onSocketIoFrame },
  { name: "ws on Node", file: "ws.mjs", runtime: "node" },
]

async function inService(
  flow: string,
  requestOf: (speech: Speech) => string,
  speech: Speech,
  size: FanOutSize,
): Promise<Measured> {
  await using server = await startService()
  const room = await enter(server, size.sockets, `/chat/${flow}?chat_id=fan-out`)
  await joinAll(room.clients)
  const [first] = room.clients
  if (!first) throw new Error("nobody came")
  // Its beginning and its end come to all as well, and count as what they are: deliveries.
  return await measure(room, speech, async (part) => {
    const end = Promise.all(room.clients.map((client) => frameWith(client, '"type":"end"')))
    first.send(frameOf(JSON.stringify({ type: "message", data: { text: requestOf(part) }, trace_id: "bench" })))
    await end
  })
}

async function durableInService(speech: Speech, size: FanOutSize): Promise<Measured> {
  await using server = await startService()
  const room = await enter(server, size.sockets, "/chat/quiet?chat_id=fan-out")
  await joinAll(room.clients)
  const text = "x".repeat(200)
  return await measure(room, speech, ({ bursts: count, every }) =>
    all(room, count, { ask: "speak", count, every, text }),
  )
}

async function ofPeer(peer: Peer, speech: Speech, bytes: number, size: FanOutSize): Promise<Measured> {
  await using server = await startPeer(peer.file, peer.runtime)
  const room = await enter(server, size.sockets, peer.path ?? "/", peer.onFrame)
  if (peer.path) {
    const joined = Promise.all(room.clients.map((client) => frameWith(client, "40{")))
    for (const client of room.clients) client.send(frameOf("40"))
    await joined
  }
  const text = "x".repeat(bytes)
  return await measure(room, speech, (part) => all(room, part.bursts * part.size, { ask: "speak", ...part, text }))
}

async function enter(server: Server, sockets: number, path: string, onFrame?: OnFrame): Promise<Room> {
  const came: Room["came"] = { frames: 0, bytes: 0, tell: () => undefined }
  const count: OnFrame = (payload, client) => {
    came.frames += 1
    came.bytes += payload.length
    onFrame?.(payload, client)
    came.tell()
  }
  const clients = await connectAll(
    server,
    sockets,
    () => path,
    () => count,
  )
  return { server, clients, came }
}

async function all({ server, clients, came }: Room, events: number, request: Request): Promise<void> {
  const wanted = came.frames + events * clients.length
  const arrived = new Promise<void>((resolve) => {
    came.tell = () => {
      if (came.frames >= wanted) resolve()
    }
  })
  await server.ask(request)
  await arrived
}

async function measure(
  { server, clients, came }: Room,
  speech: Speech,
  speak: (part: Speech) => Promise<void>,
): Promise<Measured> {
  // What is measured is a server that has been at it for a while, and not the compiling of its code.
  await speak({ ...speech, bursts: Math.ceil(speech.bursts / 2) })
  const before = await server.usage()
  const frames = came.frames
  const bytes = came.bytes
  await speak(speech)
  const after = await server.usage()
  closeAll(clients)
  const deliveries = came.frames - frames
  return { cpu: (after.cpu_us - before.cpu_us) / deliveries, bytes: Math.round((came.bytes - bytes) / deliveries) }
}

function row(what: string, { cpu }: Measured): Row {
  return { measure: "fan-out", what: `fan-out, ${what}`, value: cpu, unit: "us CPU/delivery" }
}

function ratio(what: string, value: number, target?: Row["target"]): Row {
  return { measure: "fan-out", what: `  ${what}`, value, unit: "x", ...(target ? { target } : {}) }
}
