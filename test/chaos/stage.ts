// A small run whose faults a test writes by hand: devices, and the judgement of what they saw.
import { FaultProxy } from "../support/fault-proxy.ts"
import { seeded } from "../support/random.ts"
import { answerTo } from "./bots.ts"
import { judge } from "./checker.ts"
import { Device } from "./device.ts"
import { quiet, readAll } from "./final.ts"
import { Recorder } from "./history.ts"

export interface StageOptions {
  /** The addresses of the instances; the first is the one whose log counts. */
  readonly instances: readonly string[]
  readonly token: string
  /** The address of the store. */
  readonly store: string
}

export interface Stage extends Disposable {
  /** A device on an instance, when it is connected. */
  device(name: string, instance: number): Promise<Device>
  /** Rules that were broken, each once, after at most `within_ms` for becoming quiet. `tick` is called meanwhile. */
  broken(within_ms: number, tick?: () => Promise<void>): Promise<string[]>
}

export function stage({ instances, token, store }: StageOptions): Stage {
  const parts = new DisposableStack()
  const recorder = new Recorder()
  const devices: Device[] = []
  return {
    async device(name, instance) {
      const wire = parts.use(await FaultProxy.to(instances[instance] ?? ""))
      const device = new Device({
        name,
        flow_id: "chaos",
        chat_id: "c",
        wire,
        token,
        recorder,
        random: seeded(instance),
      })
      parts.adopt(device, () => device.close())
      devices.push(device)
      await device.chat.ready()
      return device
    },
    async broken(within_ms, tick = async () => undefined) {
      const until = performance.now() + within_ms
      let unrest: string[]
      do {
        await tick()
        unrest = await quiet(store, devices, 200)
      } while (unrest.length > 0 && performance.now() < until)
      const members = instances.map((url, number) => ({ url, number }))
      const chats = await readAll(store, { members, token, devices, recorder, patience_ms: 2000 })
      const violations = judge({ entries: recorder.entries, chats, unrest }, answerTo)
      return [...new Set(violations.map(({ rule }) => rule))]
    },
    [Symbol.dispose]: () => parts.dispose(),
  }
}
