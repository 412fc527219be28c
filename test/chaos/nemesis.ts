// Does what the plan says, to a cluster whose every wire goes through a proxy; afterwards everything is whole again.
import type { Cluster, Member } from "../support/cluster.ts"
import type { FaultProxy } from "../support/fault-proxy.ts"
import { pause } from "./people.ts"
import type { Planned } from "./plan.ts"

export interface World {
  readonly cluster: Cluster
  /** One each for each instance. */
  readonly storeWires: readonly FaultProxy[]
  readonly busWires: readonly FaultProxy[]
  readonly deviceWires: readonly FaultProxy[]
}

/** Resolves when the last fault is over and healed. */
export async function unleash(world: World, plan: readonly Planned[], tell: (planned: Planned) => void): Promise<void> {
  const began = performance.now()
  // A rolling restart takes as long as it takes: what comes next for the processes waits for it.
  let processes: Promise<void> = Promise.resolve()
  const faults = plan.map(async (planned) => {
    await pause(planned.at - (performance.now() - began))
    const act = async () => {
      tell(planned)
      await doTo(world, planned)
    }
    if (planned.act !== "kill" && planned.act !== "freeze" && planned.act !== "roll") return act()
    processes = processes.then(act)
    return processes
  })
  await Promise.all(faults)
  for (const wire of [...world.storeWires, ...world.busWires, ...world.deviceWires]) wire.set(null)
}

async function doTo(world: World, planned: Planned): Promise<void> {
  const { cluster, storeWires, busWires, deviceWires } = world
  const { members } = cluster
  switch (planned.act) {
    case "kill":
      return kill(memberOf(members, planned.instance), planned.lasts_ms)
    case "freeze": {
      const { process } = memberOf(members, planned.instance)
      process.kill("SIGSTOP")
      await pause(planned.lasts_ms)
      return process.kill("SIGCONT")
    }
    case "roll":
      for (const member of members) {
        member.process.kill("SIGTERM")
        await ended(member)
        await startAgain(member)
      }
      return
    case "kill_store":
      await cluster.primary.kill()
      await pause(planned.lasts_ms)
      return cluster.primary.restart()
    case "freeze_store":
      cluster.primary.freeze()
      await pause(planned.lasts_ms)
      return cluster.primary.thaw()
    case "kill_replica":
      await cluster.replica.kill()
      await pause(planned.lasts_ms)
      return cluster.replica.restart()
    case "freeze_replica":
      cluster.replica.freeze()
      await pause(planned.lasts_ms)
      return cluster.replica.thaw()
    case "kill_bus":
      await cluster.bus?.kill()
      await pause(planned.lasts_ms)
      return cluster.bus?.start()
    case "lossy_bus":
      for (const { process } of members) process.tell({ rate: planned.rate })
      await pause(planned.lasts_ms)
      for (const { process } of members) process.tell({ rate: 0 })
      return
    case "store_wire":
      return during([storeWires[planned.instance]], planned)
    case "bus_wire":
      return during([busWires[planned.instance]], planned)
    case "device_wire":
      return during(
        planned.devices.map((device) => deviceWires[device]),
        planned,
      )
    case "move":
      for (const device of planned.devices) {
        const wire = deviceWires[device]
        if (!wire) continue
        const now = members.findIndex(({ url }) => new URL(url).host === wire.target.host)
        wire.target = new URL(memberOf(members, (now + 1) % members.length).url)
        wire.reset()
      }
  }
}

async function during(
  wires: readonly (FaultProxy | undefined)[],
  { fault, lasts_ms }: Extract<Planned, { act: "store_wire" | "bus_wire" | "device_wire" }>,
): Promise<void> {
  for (const wire of wires) wire?.set(fault)
  await pause(lasts_ms)
  for (const wire of wires) wire?.set(null)
}

async function kill(member: Member, for_ms: number): Promise<void> {
  member.process.kill("SIGKILL")
  await member.process.exited
  await pause(for_ms)
  await startAgain(member)
}

/** A drain takes a while; one that does not end is a fault of its own. */
async function ended({ process, number }: Member): Promise<void> {
  const late = new AbortController()
  const over = pause(30_000, late.signal).then(() => {
    if (!late.signal.aborted) throw new Error(`instance ${number} did not end within 30 s of SIGTERM`)
  })
  await Promise.race([process.exited, over])
  late.abort()
}

/** As a supervisor does: again and again, since the store may be away just now. */
async function startAgain(member: Member): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await member.start()
    } catch (error) {
      if (tries === 20) throw error
      await pause(500)
    }
  }
}

function memberOf(members: readonly Member[], number: number): Member {
  const member = members[number]
  if (!member) throw new Error(`there is no instance ${number}`)
  return member
}
