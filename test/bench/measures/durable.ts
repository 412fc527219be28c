// Messages that are acked: each is stored with its turn before the ack leaves. They wait in line behind a bot at work, so
// one message is one append; and whole turns, with the bot's answer and the end.
import { noSqld, startSqld } from "../../support/sqld.ts"
import type { LeanClient } from "../client.ts"
import { frameOf } from "../client.ts"
import { closeAll, connectAll, joinAll } from "../clients.ts"
import { type Server, startPeer, startService } from "../processes.ts"
import { quantile, type Row } from "../table.ts"

export interface DurableSize {
  /** At work at the same time. */
  readonly sockets: number
  readonly chats: number
  readonly each: number
  readonly turns: number
}

/** Each socket says `each` messages in one chat after the other: as many as may wait there where nobody configured more. */
const full: DurableSize = { sockets: 100, chats: 30, each: 20, turns: 100 }
/** As many as the client library has under way. */
const inFlight = 16
/** Acked each second, and as a part of what a bare group commit does in the same run: 15,000 of 24,000, 8,000 of 12,000. */
const targets = { file: { rate: 15_000, part: 0.625 }, sqld: { rate: 8000, part: 0.667 } }

export async function durableFile(size = full): Promise<Row[]> {
  return rowsOf("durable-file", "embedded file, synchronous=FULL", {}, size, targets.file)
}

export async function durableSqld(size = full): Promise<Row[]> {
  const what = "sqld primary over http"
  if (noSqld)
    return [{ measure: "durable-sqld", what: `durable messages, ${what}`, value: null, unit: "", note: noSqld }]
  await using sqld = await startSqld()
  return await rowsOf("durable-sqld", what, { DATABASE_URL: sqld.url }, size, targets.sqld)
}

async function rowsOf(
  measure: string,
  where: string,
  env: Record<string, string>,
  size: DurableSize,
  target: { readonly rate: number; readonly part: number },
): Promise<Row[]> {
  const row = (what: string, value: number, unit: string, goal?: Row["target"]): Row => ({
    ...{ measure, what, value, unit },
    ...(goal ? { target: goal } : {}),
  })
  const limit = await sketch(env, size)
  await using server = await startService(env)
  // As fast as it goes, then at half of the target, in chats of their own. Not measured: while the code is still being compiled.
  await messages(server, "warm", warm(size))
  const fast = await messages(server, "fast", size)
  const half = await messages(server, "half", size, target.rate / 2 / size.sockets)
  const turns = await wholeTurns(server, size)
  const steady = quantile(half.times, 0.99)
  return [
    row(`durable messages, ${size.sockets} sockets, ${where}`, fast.rate, "acked/s", { at_least: target.rate }),
    row("  a bare group commit of three tables", limit.rate, "acked/s"),
    row("  service / bare group commit", fast.rate / limit.rate, "x", { at_least: target.part }),
    row("  ack p50, as fast as it goes", quantile(fast.times, 0.5), "ms"),
    row("  ack p99, as fast as it goes", quantile(fast.times, 0.99), "ms"),
    row("  CPU of the service for each", fast.cpu, "us"),
    row("  CPU of the bare group commit for each", limit.cpu, "us"),
    row(`  ack p50 at ${Math.round(half.rate)}/s`, quantile(half.times, 0.5), "ms"),
    row(
      `  ack p99 at ${Math.round(half.rate)}/s`,
      steady,
      "ms",
      measure === "durable-file" ? { at_most: 25 } : undefined,
    ),
    row("  whole turns: question, answer, end", turns.rate, "turns/s"),
    row("  ack p50 in whole turns", quantile(turns.times, 0.5), "ms"),
  ]
}

async function sketch(env: Record<string, string>, size: DurableSize): Promise<Acked> {
  await using server = await startPeer("sketch.ts", "bun", env)
  await messages(server, "warm", warm(size))
  return await messages(server, "sketch", size)
}

function warm(size: DurableSize): DurableSize {
  return { ...size, chats: Math.ceil(size.chats / 3) }
}

interface Acked {
  readonly rate: number
  readonly times: readonly number[]
  readonly cpu: number
}

/** `perSecond`: of each socket, evenly; without it, always as many as may be under way. */
async function messages(server: Server, name: string, size: DurableSize, perSecond?: number): Promise<Acked> {
  const { sockets, chats, each } = size
  const path = (n: number) => `/chat/busy?chat_id=${name}-${n}`
  const pause_ms = perSecond === undefined ? 0 : 1000 / perSecond
  return await talk(server, path, { sockets, chats, spread_ms: each * pause_ms }, (client) => {
    const sent: number[] = []
    const times: number[] = []
    let said = 0
    const say = () => {
      sent.push(performance.now())
      client.send(question(said++))
    }
    return new Promise((resolve, reject) => {
      client.onFrame = (payload) => {
        if (isRefusal(payload)) reject(new Error(payload.toString()))
        if (!isAck(payload)) return
        // Acks come in the order of the messages (P2.4).
        times.push(performance.now() - (sent[times.length] ?? 0))
        if (times.length === each) resolve(times)
        else if (perSecond === undefined && said < each) say()
      }
      if (perSecond === undefined) for (let n = 0; n < Math.min(inFlight, each); n++) say()
      else void evenly(each, pause_ms, say)
    })
  })
}

async function wholeTurns(server: Server, { sockets, turns }: DurableSize): Promise<Acked> {
  return await talk(
    server,
    (n) => `/chat/quiet?chat_id=turns-${n}`,
    { sockets, chats: 1 },
    (client) => {
      const times: number[] = []
      let said = 0
      let sentAt = 0
      const say = () => {
        sentAt = performance.now()
        client.send(question(said++))
      }
      return new Promise((resolve, reject) => {
        client.onFrame = (payload) => {
          if (isRefusal(payload)) reject(new Error(payload.toString()))
          if (isAck(payload)) times.push(performance.now() - sentAt)
          if (payload.indexOf('{"type":"end"') !== 0) return
          if (said === turns) resolve(times)
          else say()
        }
        say()
      })
    },
  )
}

async function talk(
  server: Server,
  path: (n: number) => string,
  { sockets, chats, spread_ms = 0 }: Pick<DurableSize, "sockets" | "chats"> & { readonly spread_ms?: number },
  work: (client: LeanClient) => Promise<number[]>,
): Promise<Acked> {
  const clients = await connectAll(server, sockets * chats, path)
  // A peer without tokens knows no joining.
  if (server.token) await joinAll(clients)
  const before = await server.usage()
  const start = performance.now()
  const lane = async (number: number) => {
    const times: number[] = []
    // Else all of them would come to their next chats, and bots be called up there, in the same moment each time.
    await new Promise((resolve) => setTimeout(resolve, (number / sockets) * spread_ms))
    for (let at = number; at < clients.length; at += sockets) {
      const client = clients[at]
      if (client) times.push(...(await work(client)))
    }
    return times
  }
  const times = (await Promise.all(Array.from({ length: sockets }, (_, number) => lane(number)))).flat()
  const seconds = (performance.now() - start) / 1000
  const after = await server.usage()
  closeAll(clients)
  return { rate: times.length / seconds, times, cpu: (after.cpu_us - before.cpu_us) / times.length }
}

/** By the clock, so that a late start does not lower the rate; the first after a random part of the pause. */
async function evenly(count: number, pause_ms: number, act: () => void): Promise<void> {
  const start = performance.now() + Math.random() * pause_ms
  for (let done = 0; done < count; ) {
    const wait = start + done * pause_ms - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    act()
    done += 1
  }
}

const head =
  '{"type":"message","data":{"text":"a question of some length, as people ask them"},"trace_id":"bench","id":"m'

function question(number: number): Buffer {
  return frameOf(`${head}${number}"}`)
}

function isAck(payload: Buffer): boolean {
  return payload.indexOf('{"type":"ack"') === 0
}

function isRefusal(payload: Buffer): boolean {
  return payload.indexOf('{"type":"error"') === 0
}
