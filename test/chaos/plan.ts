// What goes wrong, and when: made from the seed before the run begins, so that the same seed gives the same faults. Four
// tracks run beside each other (the processes, the store, the bus, the devices' connections), each with one fault at a time.
import type { Fault } from "../support/fault-proxy.ts"
import { seeded } from "../support/random.ts"

export type PlannedFault =
  /** kill -9, and after `lasts_ms` it is started again. */
  | { readonly act: "kill"; readonly instance: number }
  /** SIGSTOP, and after `lasts_ms`, which is longer than its leases, SIGCONT. */
  | { readonly act: "freeze"; readonly instance: number }
  /** SIGTERM to one after the other, each started again when it has ended. */
  | { readonly act: "roll" }
  | { readonly act: "kill_store" | "freeze_store" }
  | { readonly act: "kill_bus" }
  /** The bus loses, repeats and reorders frames. */
  | { readonly act: "lossy_bus"; readonly rate: number }
  /** The replica is killed, or stands still, and comes back. */
  | { readonly act: "kill_replica" | "freeze_replica" }
  /** Something on the wire between an instance and the store, or the bus. */
  | { readonly act: "store_wire" | "bus_wire"; readonly instance: number; readonly fault: Fault }
  /** Something on the wires of these devices, a number each. */
  | { readonly act: "device_wire"; readonly devices: readonly number[]; readonly fault: Fault }
  /** Their connections break, and they come back to another instance. */
  | { readonly act: "move"; readonly devices: readonly number[] }

export type Planned = PlannedFault & {
  /** Milliseconds from the beginning of the run. */
  readonly at: number
  readonly lasts_ms: number
}

export interface PlanOptions {
  readonly seed: number
  readonly length_ms: number
  readonly instances: number
  readonly devices: number
}

type Draw = readonly [fault: PlannedFault, lasts_ms: number]

export function planOf({ seed, length_ms, instances, devices }: PlanOptions): Planned[] {
  const random = seeded(seed).fork("plan")
  const instance = () => random.between(0, instances - 1)
  const some = () => Array.from({ length: devices }, (_, number) => number).filter(() => random.chance(0.3))
  const wire = (act: "store_wire" | "bus_wire", fault: Fault, lasts_ms: number): Draw => [
    { act, instance: instance(), fault },
    lasts_ms,
  ]
  const kill = (): Draw => [{ act: "kill", instance: instance() }, random.between(200, 2000)]
  /** Of the log mostly; of leases and take-overs; of new chats. */
  const writes = ["insert into events", "insert into events", 'update "turns"', 'insert into "sessions"']
  const lost = (): Draw =>
    wire("store_wire", { kind: "lost_answer", of: random.pick(writes), times: random.between(1, 6) }, 3000)
  const device = (fault: Fault) => (): Draw => [
    { act: "device_wire", devices: some(), fault },
    random.between(1000, 6000),
  ]
  const tracks: Record<string, { pause: [number, number]; deck: (() => Draw)[] }> = {
    processes: {
      pause: [1500, 5000],
      deck: [
        kill,
        kill,
        () => [{ act: "roll" }, 0],
        () => [{ act: "freeze", instance: instance() }, random.between(16_500, 20_000)],
      ],
    },
    store: {
      pause: [1000, 4000],
      deck: [
        ...[lost, lost, lost],
        () => [{ act: "kill_store" }, random.between(100, 2000)],
        () => [{ act: "freeze_store" }, random.between(500, 6000)],
        () => [{ act: "kill_replica" }, random.between(100, 3000)],
        () => [{ act: "freeze_replica" }, random.between(1000, 4000)],
        () => wire("store_wire", { kind: "latency", ms: random.between(50, 400) }, 4000),
        () => wire("store_wire", { kind: "black_hole" }, random.between(2000, 12_000)),
        () => wire("store_wire", { kind: "refuse" }, random.between(500, 3000)),
        () => wire("store_wire", { kind: "cut_after", bytes: random.between(100, 20_000) }, 3000),
      ],
    },
    bus: {
      pause: [1000, 4000],
      deck: [
        () => [{ act: "kill_bus" }, random.between(500, 3000)],
        () => [{ act: "lossy_bus", rate: 0.3 }, random.between(3000, 8000)],
        () => wire("bus_wire", { kind: "black_hole" }, random.between(3000, 12_000)),
        () => wire("bus_wire", { kind: "latency", ms: random.between(50, 1000) }, 5000),
        () => wire("bus_wire", { kind: "refuse" }, random.between(500, 3000)),
      ],
    },
    devices: {
      pause: [500, 2500],
      deck: [
        device({ kind: "refuse" }),
        device({ kind: "black_hole" }),
        device({ kind: "half_open", dead: "up" }),
        device({ kind: "half_open", dead: "down" }),
        device({ kind: "slow_read", bytes_per_s: 2000 }),
        device({ kind: "cut_after", bytes: random.between(1, 5000) }),
        device({ kind: "latency", ms: random.between(50, 500) }),
        () => [{ act: "move", devices: some() }, 0],
      ],
    },
  }
  const plan = Object.entries(tracks).flatMap(([name, { pause, deck }]) => {
    const planned: Planned[] = []
    let cards: (() => Draw)[] = []
    for (let at = random.between(...pause); ; ) {
      if (cards.length === 0) cards = random.shuffled(deck)
      const [fault, lasts_ms] = cards.shift()?.() ?? [{ act: "roll" }, 0]
      // One that would outlast the run has no place in it.
      if (at + lasts_ms < length_ms) planned.push({ at, lasts_ms, ...fault })
      else if (name !== "processes" || lasts_ms < 10_000) return planned
      at += (at + lasts_ms < length_ms ? lasts_ms : 0) + (fault.act === "roll" ? 3000 : 0) + random.between(...pause)
      if (at >= length_ms) return planned
    }
  })
  return plan.sort((a, b) => a.at - b.at)
}

/** For people: what it does, to whom. */
export function wordsFor({ at: _at, lasts_ms: _lasts, ...fault }: Planned): string {
  const what = "fault" in fault ? ` ${fault.fault.kind}${"dead" in fault.fault ? ` ${fault.fault.dead}` : ""}` : ""
  const whom =
    "instance" in fault
      ? ` of instance ${fault.instance}`
      : "devices" in fault
        ? ` of ${fault.devices.length} devices`
        : ""
  return `${fault.act}${what}${whom}`
}
