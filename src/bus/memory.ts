// The bus of a single process: a delivery is a call.
import type { Bus, OnDelivery } from "./bus.ts"

export function openMemoryBus(): Bus {
  const subscribed = new Set<string>()
  let deliver: OnDelivery = () => undefined
  return {
    connected: false,
    alone: true,
    publish(session_id, frame) {
      if (subscribed.has(session_id)) deliver(session_id, frame)
    },
    subscribe: (session_id) => void subscribed.add(session_id),
    unsubscribe: (session_id) => void subscribed.delete(session_id),
    onDelivery: (tell) => {
      deliver = tell
    },
    async close() {
      subscribed.clear()
    },
  }
}
