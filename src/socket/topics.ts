// Way 11: a chat's frames go out through Bun's pub/sub, encoded once whatever the number of clients. All in one topic, and the
// events alone in another, for clients that are too slow for the deltas: a topic in which nobody is takes no memory, and one
// that each chat has takes 450 bytes (Bun 1.4).
import type { Server } from "bun"
import type { FanOut } from "../chat/live-chat.ts"
import type { SocketData } from "./upgrade.ts"

export type Channel = "all" | "events"

export function topic(session_id: string, channel: Channel): string {
  return channel === "all" ? session_id : `${session_id}:${channel}`
}

export function fanOutOf(server: () => Server<SocketData>): FanOut {
  // The answer speaks of the worst subscriber (Bun 1.4: -1 = it has a backlog, 0 = it was cut off, or nobody subscribed).
  // The others were served, so nothing is ever sent again because of it. Never compressed: see websocket.ts.
  return (session_id, channel, text) => {
    if (channel === "events") server().publish(topic(session_id, "events"), text, false)
    return server().publish(topic(session_id, "all"), text, false) > 0
  }
}
