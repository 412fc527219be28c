// A bus that loses, repeats and reorders, as it may (promise 9).
import type { Bus } from "../../src/bus/bus.ts"
import type { Random } from "../support/random.ts"

export interface Losses {
  /** From 0 up to 1: how many of the frames are never told to anybody; half as many are told twice, or late. */
  rate: number
}

export function lossyBus(bus: Bus, losses: Losses, random: Random): Bus {
  return {
    alone: false,
    get connected() {
      return bus.connected
    },
    publish(session_id, frame) {
      const fate = random.next()
      if (fate < losses.rate) return
      const tell = () => bus.publish(session_id, frame)
      if (fate > 1 - losses.rate / 2) setTimeout(tell, random.between(1, 200))
      else tell()
      if (random.chance(losses.rate / 2)) tell()
    },
    subscribe: (session_id) => bus.subscribe(session_id),
    unsubscribe: (session_id) => bus.unsubscribe(session_id),
    onDelivery: (tell) => bus.onDelivery(tell),
    close: () => bus.close(),
  }
}
