// Way 11: a chat's frames go out through Bun's pub/sub, two topics a chat, encoded once whatever the number of clients.
import type { Server } from "bun"
import type { FanOut } from "../chat/live-chat.ts"
import type { SocketData } from "./upgrade.ts"

export function topic(session_id: string, channel: "events" | "deltas"): string {
  return channel === "events" ? session_id : `${session_id}:${channel}`
}

export function fanOutOf(server: () => Server<SocketData>): FanOut {
  // The answer speaks of the worst subscriber (Bun 1.4: -1 = it has a backlog, 0 = it was cut off, or nobody subscribed).
  // The others were served, so nothing is ever sent again because of it. Never compressed: see websocket.ts.
  return (session_id, channel, text) => server().publish(topic(session_id, channel), text, false) > 0
}
