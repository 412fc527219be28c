// The deadlines of all sockets, in one sweep a second. Ours, because Bun's idle timer does not notice a dead peer for as
// long as frames go out to it (bun#39255).
import { type Cancel, type Clock, timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { newTraceId } from "../ids.ts"
import type { ChatConfig } from "../settings.ts"
import type { Connection } from "./connection.ts"

const sweepEvery = 1000
/** How long a pong may take (P7.2). */
const pongWithin = 10_000
/** How long before its end a token's renewal is asked for (P7.4). */
const expiryNotice = 60_000

export interface HeartbeatDeps {
  readonly clock: Clock
  readonly config: ChatConfig
  connections(): Iterable<Connection>
}

export function startHeartbeat({ clock, config, connections }: HeartbeatDeps): Cancel {
  const interval = config.heartbeat_interval * 1000
  return clock.every(sweepEvery, () => {
    const now = clock.now()
    for (const connection of connections()) sweep(connection, now, interval)
  })
}

function sweep(connection: Connection, now: number, interval: number): void {
  const { inbox, principal } = connection
  if (inbox.pongDueAt !== null && now >= inbox.pongDueAt) {
    connection.closeWith(4012, "no_pong")
    return
  }
  if (now >= principal.expires_at) {
    connection.close(new ChatError("token_expired"))
    return
  }
  if (now >= principal.expires_at - expiryNotice && connection.askedFor !== principal.expires_at) {
    connection.askedFor = principal.expires_at
    connection.sendFrame({
      type: "auth",
      data: { expires_at: timestamp(principal.expires_at) },
      trace_id: newTraceId(),
    })
  }
  if (now < connection.pingAt) return
  connection.pingAt = now + interval
  inbox.pongDueAt ??= now + pongWithin
  connection.ping()
  connection.sendFrame({ type: "ping", data: { top: connection.chats.tops() }, trace_id: newTraceId() })
}
