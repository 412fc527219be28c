// What people do on their devices, by a seed: they ask, several things at once, the same thing twice, stop the answer, reload
// the page. Moderately, so that the machine has the time to answer.
import type { Random } from "../support/random.ts"
import type { Manner } from "./bots.ts"
import type { Device } from "./device.ts"

/** How often, out of all. */
const moods = {
  ask: 40,
  ask_thrice: 10,
  ask_twice: 8,
  ask_on_two_devices: 8,
  contradict: 3,
  ask_if_idle: 4,
  ask_if_up_to_date: 4,
  merge: 6,
  replace: 3,
  interrupt_and_ask: 5,
  edit: 6,
  rate: 4,
  stop: 10,
  reload: 3,
  reload_with_nothing: 1,
}
type Mood = keyof typeof moods

const weights: Record<Manner, number> = { stream: 50, slow: 10, long: 4, silent: 8, sleepy: 8, ask: 8, throw: 8 }

export interface Person {
  /** Milliseconds between two acts, about. */
  readonly pause_ms: number
  /** One person's devices, all in one chat. */
  readonly devices: readonly Device[]
  readonly random: Random
}

/** Acts until `signal` aborts; resolves when the fate of everything that was said is known. */
export async function act({ pause_ms, devices, random }: Person, signal: AbortSignal): Promise<void> {
  const saying = new Set<Promise<void>>()
  let said = 0
  const expect = (work: Promise<void>) => {
    saying.add(work)
    void work.finally(() => saying.delete(work))
  }
  while (!signal.aborted) {
    const device = random.pick(devices)
    const others = devices.filter((one) => one !== device)
    const other = random.pick(others.length > 0 ? others : devices)
    const id = () => `${device.name}-${++said}`
    const question = () => `${weighted(random, weights)} ${said}`
    const [one, text] = [id(), question()]
    const mood: Mood = weighted(random, moods)
    switch (mood) {
      case "ask":
        expect(device.say(text, one))
        break
      case "ask_thrice":
        expect(device.say(text, one))
        for (let more = 0; more < 2; more++) {
          const next = id()
          expect(device.say(question(), next))
        }
        break
      case "ask_twice":
        expect(device.say(text, one).then(() => device.say(text, one)))
        break
      case "ask_on_two_devices":
        expect(device.say(text, one))
        expect(other.say(text, one))
        break
      case "contradict":
        expect(device.say(text, one).then(() => other.say(`${text} and something else`, one)))
        break
      case "ask_if_idle":
        expect(device.say(text, one, { policy: "reject" }))
        break
      case "ask_if_up_to_date":
        expect(device.say(text, one, { base_seq: device.chat.cursor ?? 0 }))
        break
      case "merge":
        expect(device.say(text, one, { policy: "merge" }))
        break
      case "replace":
        expect(device.say(text, one, { policy: "latest" }))
        break
      case "interrupt_and_ask":
        expect(device.say(text, one, { policy: "interrupt" }))
        break
      case "edit":
        expect(device.edit(`${text} edited`))
        break
      case "rate":
        if (device.answer !== null) expect(device.rate(device.answer, random.between(0, 2)))
        break
      case "stop":
        expect(device.stop())
        break
      case "reload":
        device.reload(true)
        break
      case "reload_with_nothing":
        device.reload(false)
        break
    }
    await pause(pause_ms * (0.5 + random.next()), signal)
  }
  await Promise.all(saying)
}

function weighted<T extends string>(random: Random, weights: Readonly<Record<T, number>>): T {
  const all = Object.entries(weights) as [T, number][]
  let left = random.next() * all.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [one, weight] of all) {
    left -= weight
    if (left < 0) return one
  }
  throw new Error("there is nothing to choose from")
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener("abort", done, { once: true })
    if (signal?.aborted) done()
  })
}
