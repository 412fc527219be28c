// The bus of several instances: core NATS, one subject a chat, at most once. Here at home a delivery is a call, as in one
// process, so this instance does not depend on the server; frames of others come over it.
import { connect, type NatsConnection, type Subscription } from "@nats-io/transport-node"
import type { Log } from "../log.ts"
import type { Bus, BusFrame, OnDelivery } from "./bus.ts"

export interface NatsOptions {
  /** nats://[user:password@]host:port or tls://... */
  readonly url: string
  /** Shown in the server's list of connections. */
  readonly name: string
  readonly log: Log
  /** Milliseconds between two signs of life of the server; it is given up when one was waited for in vain. */
  readonly ping_ms?: number
}

/** For one try to connect. A server that takes the connection and says nothing costs no more. */
const CONNECT_MS = 2000

/** Comes back at once; the connection is made, and made again, in the background, for as long as the bus is open. */
export function openNatsBus({ url, name, log, ping_ms = 5000 }: NatsOptions): Bus {
  /** Null: not subscribed at the server yet. */
  const subscribed = new Map<string, Subscription | null>()
  let connection: NatsConnection | null = null
  let connected = false
  let closed = false
  let deliver: OnDelivery = () => undefined

  const listen = (server: NatsConnection, session_id: string) =>
    server.subscribe(subject(session_id), {
      callback: (error, message) => {
        if (error || !subscribed.has(session_id)) return
        // Written by an instance like this one, which had checked it.
        deliver(session_id, message.json<BusFrame>())
      },
    })

  let tries = 0
  /** The pause before the next try. The library asks for it each time, and what is thrown is the only thing that stops it. */
  const pause = () => {
    if (closed) throw new Error("the bus was closed")
    tries += 1
    if (tries === 2) log.warn({}, "the bus between the instances cannot be reached yet")
    return 250 + Math.random() * 250
  }

  /** A connection, from its making to its end. */
  const hold = async () => {
    tries = 0
    const server = await open({ url, name, ping_ms, pause })
    connection = server
    connected = true
    if (closed) return server.close()
    for (const session_id of subscribed.keys()) subscribed.set(session_id, listen(server, session_id))
    for await (const { type } of server.status()) {
      if (type !== "staleConnection" && type !== "disconnect" && type !== "reconnect") continue
      connected = type === "reconnect"
      if (!closed) log.warn({ type }, "the bus between the instances")
      // The library would first wait until the silent server has taken what was written to it.
      if (type === "staleConnection") void server.close()
    }
    connected = false
  }
  const holding = async () => {
    while (!closed) await hold()
  }
  const held = holding().catch((error: unknown) => {
    if (!closed) log.error({ err: error }, "there is no bus between the instances: NATS_URL cannot be used")
  })

  return {
    alone: false,
    get connected() {
      return connected
    },
    publish(session_id, frame) {
      if (subscribed.has(session_id)) deliver(session_id, frame)
      // Not kept for later: what is durable is found in the store, and old deltas are of no use.
      if (!connection || !connected) return
      try {
        connection.publish(subject(session_id), JSON.stringify(frame))
      } catch (error) {
        // Too large for the server (1 MiB): the others find it in the store.
        log.warn({ err: error, type: frame.type }, "a frame could not be told to the other instances")
      }
    },
    subscribe(session_id) {
      if (subscribed.has(session_id)) return
      subscribed.set(session_id, connection?.isClosed() === false ? listen(connection, session_id) : null)
    },
    unsubscribe(session_id) {
      subscribed.get(session_id)?.unsubscribe()
      subscribed.delete(session_id)
    },
    onDelivery(tell) {
      deliver = tell
    },
    async close() {
      closed = true
      subscribed.clear()
      await connection?.close()
      await held
    },
  }
}

function subject(session_id: string): string {
  return `bisheng-chat.${session_id}`
}

interface Opening extends Required<Pick<NatsOptions, "url" | "name" | "ping_ms">> {
  pause(): number
}

function open({ url, name, ping_ms, pause }: Opening): Promise<NatsConnection> {
  const { protocol, host, username, password } = new URL(url)
  return connect({
    servers: host,
    name,
    ...(username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) } : {}),
    ...(protocol === "tls:" ? { tls: {} } : {}),
    // Its own frames were delivered at home already.
    noEcho: true,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: pause,
    timeout: CONNECT_MS,
    // A server that is there but says nothing is noticed after two of these, not after six minutes.
    pingInterval: ping_ms,
    maxPingOut: 1,
  })
}
