// One run: a cluster, people with their devices, and everything going wrong that the plan says; then quiet, and the history.
import { startCluster } from "../support/cluster.ts"
import { FaultProxy } from "../support/fault-proxy.ts"
import { seeded } from "../support/random.ts"
import { Device } from "./device.ts"
import { quiet, readAll } from "./final.ts"
import { type History, Recorder } from "./history.ts"
import { unleash } from "./nemesis.ts"
import { act, pause } from "./people.ts"
import { type Planned, planOf, wordsFor } from "./plan.ts"

export interface ChaosOptions {
  readonly seed: number
  /** Of the part with faults; after it comes the time to get over them. */
  readonly length_ms: number
  readonly instances: number
  readonly chats: number
  /** Seconds after the faults in which all must be quiet. */
  readonly quiet_ms: number
  /** Aborted, the run ends at once, and all that it started. */
  readonly signal: AbortSignal
  say(words: string): void
}

export interface ChaosResult {
  readonly history: History
  readonly plan: readonly Planned[]
  readonly reconnects: number
  /** Answers that the store gave and nobody got: cut after the commit. */
  readonly lostAnswers: number
  readonly resets: number
  /** From the end of the faults until all was quiet. */
  readonly quiet_after_ms: number
  /** What the instances logged as errors. */
  readonly errors: readonly string[]
}

/** Rejects when it is aborted, or when something cannot be started again. */
export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  await using parts = new AsyncDisposableStack()
  const { signal } = options
  const aborted = new Promise<never>((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  )
  return await Promise.race([run(options, parts), aborted])
}

async function run(options: ChaosOptions, parts: AsyncDisposableStack): Promise<ChaosResult> {
  const { seed, length_ms, instances, say } = options
  const random = seeded(seed)
  const proxy = async (url: string) => parts.use(await FaultProxy.to(url))
  const storeWires: FaultProxy[] = []
  const busWires: FaultProxy[] = []
  const cluster = parts.use(
    await startCluster({
      instances,
      file: "test/chaos/instance.ts",
      env: {
        ...{ LOG_LEVEL: "error", CHAT_DRAIN_TIMEOUT: "2", CHAT_HEARTBEAT_INTERVAL: "5" },
        ...{ CHAT_MAX_CONNECTIONS_PER_USER: "1000", CHAT_MAX_CHATS_PER_USER: "1000" },
      },
      async route(what, url, number) {
        if (what === "replica") return url
        const wire = await proxy(url)
        const wires = what === "store" ? storeWires : busWires
        wires[number] = wire
        return what === "store" ? `http://${wire.address}` : `nats://${wire.address}`
      },
    }),
  )
  const { members } = cluster
  const token = await cluster.token(1, 7200)
  const recorder = new Recorder()
  const deviceWires = await Promise.all(
    Array.from({ length: options.chats * members.length }, (_, number) =>
      proxy(members[number % members.length]?.url ?? ""),
    ),
  )
  const plan = planOf({ seed, length_ms, instances, devices: deviceWires.length })
  const over = new AbortController()
  const devices: Device[] = []
  /** A person comes, with one device on each instance at first, and talks until the end. */
  const talk = async (chat: number) => {
    // Two from the beginning; the others' chats are made while things go wrong.
    if (chat >= 2) await pause(random.fork(`arrival ${chat}`).next() * length_ms * 0.6, over.signal)
    const own = members.map((_member, place) => {
      const number = chat * members.length + place
      const wire = deviceWires[number]
      if (!wire) throw new Error(`there is no wire ${number}`)
      const deps = { name: `d${number}`, wire, token, recorder, ...placeOf(chat) }
      return parts.adopt(new Device({ ...deps, random: random.fork(`device ${number}`) }), (device) => device.close())
    })
    devices.push(...own)
    await act({ pause_ms: 1500, devices: own, random: random.fork(`person ${chat}`) }, over.signal)
  }
  const talking = Array.from({ length: options.chats }, (_, chat) => talk(chat))
  const timer = setTimeout(() => over.abort(), length_ms)
  parts.adopt(timer, clearTimeout)
  await unleash({ cluster, storeWires, busWires, deviceWires }, plan, (planned) =>
    say(`${recorder.now} ms: ${wordsFor(planned)}`),
  )
  await new Promise<void>((resolve) =>
    over.signal.aborted ? resolve() : over.signal.addEventListener("abort", () => resolve(), { once: true }),
  )
  say(`${recorder.now} ms: the faults are over`)

  const healed = performance.now()
  // What a browser says when the network is back: nobody waits out the pause between two tries.
  const page = globalThis as unknown as EventTarget
  page.dispatchEvent(new Event("online"))
  const unrest = await quiet(cluster.primary.url, devices, options.quiet_ms)
  const quiet_after_ms = Math.round(performance.now() - healed)
  if (unrest.length === 0) await Promise.all(talking)
  const chats = await readAll(cluster.primary.url, { members, token, devices, recorder, patience_ms: 20_000 })
  const count = (of: "answers" | "resets") =>
    [...storeWires, ...busWires, ...deviceWires].reduce((sum, wire) => sum + wire.count[of], 0)
  return {
    history: { entries: recorder.entries, chats, unrest },
    plan,
    reconnects: devices.reduce((sum, device) => sum + device.reconnects, 0),
    lostAnswers: count("answers"),
    resets: count("resets"),
    quiet_after_ms,
    errors: members.flatMap(({ number, errors }) => errors.map((line) => `instance ${number}: ${line}`)),
  }
}

/** Every second chat is with a bot that can go on after a crash. */
function placeOf(chat: number): { chat_id: string; flow_id: string } {
  return { chat_id: `chat-${chat}`, flow_id: chat % 2 ? "resumable" : "chaos" }
}
