// Way 1: Bun's WebSocket handlers. They are synchronous and hand on; a rejection in an async one would be nobody's (Bun 1.4).
import type { ServerWebSocket, WebSocketHandler } from "bun"
import { delay } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { newTraceId } from "../ids.ts"
import { describe } from "../language/language.ts"
import { encode } from "../protocol/codec.ts"
import { Connection, type ConnectionDeps } from "./connection.ts"
import { startHeartbeat } from "./heartbeat.ts"
import type { SocketData } from "./upgrade.ts"

/** A frame above this closes the socket with 1009 before it is read (P2.5). */
const maxPayload = 1_048_576
/** So many are sent away at a time, and so many milliseconds later the next: they do not all come back at once. */
const slice = { size: 100, every: 50 }
/** Within so many milliseconds they are to come back. */
const spread = 10_000
/** A client with more than this waiting is cut off (P7.5). */
const cutOffAt = 1_048_576

export interface Sockets {
  readonly handler: WebSocketHandler<SocketData>
  /**
   * Sends everybody away with 4001, in slices, each with a random pause to come back after (P8.1): those whose chats are at
   * rest at once, the others when `settled` says that no turn runs here any more. Resolves when all were sent.
   */
  drain(settled: Promise<void>): Promise<void>
  stop(): void
}

export function openSockets(deps: ConnectionDeps): Sockets {
  const { clock, config } = deps
  const connections = new Set<Connection>()
  const perUser = new Map<number, number>()
  const stop = startHeartbeat({ clock, config, connections: () => connections })

  const handler: WebSocketHandler<SocketData> = {
    maxPayloadLength: maxPayload,
    backpressureLimit: cutOffAt,
    // Else Bun drops frames silently for a slow client and leaves the socket open: a gap that nobody is told of.
    closeOnBackpressureLimit: true,
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(ws) {
      const { visit } = ws.data
      const error = visit?.ok ? tooMany(visit.principal.user_id) : visit?.error
      if (error || !visit?.ok) {
        const refusal = error ?? new ChatError("internal")
        ws.send(encode({ type: "error", data: describe(refusal, ws.data.language), trace_id: newTraceId() }))
        ws.close(refusal.row.close ?? 1011, refusal.code)
        return
      }
      const { principal, request } = visit
      const connection = new Connection(ws, principal, request, deps)
      ws.data.connection = connection
      ws.data.visit = null
      connections.add(connection)
      perUser.set(principal.user_id, (perUser.get(principal.user_id) ?? 0) + 1)
    },
    message(ws, message) {
      ws.data.connection?.inbox.receive(message)
    },
    ping: signOfLife,
    pong: signOfLife,
    drain(ws) {
      ws.data.connection?.drained()
    },
    close(ws) {
      const { connection } = ws.data
      if (!connection) return
      connection.closed()
      connections.delete(connection)
      const left = (perUser.get(connection.principal.user_id) ?? 1) - 1
      if (left > 0) perUser.set(connection.principal.user_id, left)
      else perUser.delete(connection.principal.user_id)
    },
  }

  function signOfLife(ws: ServerWebSocket<SocketData>): void {
    if (ws.data.connection) ws.data.connection.inbox.pongDueAt = null
  }

  function tooMany(user_id: number): ChatError | undefined {
    const limit = config.max_connections_per_user
    return (perUser.get(user_id) ?? 0) >= limit
      ? new ChatError("too_many_connections", { params: { limit } })
      : undefined
  }

  return {
    handler,
    stop,
    async drain(settled) {
      let over = false
      const done = settled.then(() => {
        over = true
      })
      const sent = new Set<Connection>()
      for (;;) {
        const rest = [...connections].filter((connection) => !sent.has(connection))
        if (over && rest.length === 0) return
        const leaving = rest.filter((connection) => over || !connection.isAnswered).slice(0, slice.size)
        for (const connection of leaving) {
          sent.add(connection)
          connection.close(new ChatError("draining", { retry_after_ms: Math.floor(Math.random() * spread) }))
        }
        if (over && leaving.length === rest.length) return
        const pause = delay(clock, slice.every)
        await (over ? pause : Promise.race([pause, done]))
      }
    },
  }
}
