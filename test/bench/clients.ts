// Many clients of one server at once.
import { frameOf, LeanClient, type OnFrame } from "./client.ts"
import type { Server } from "./processes.ts"

/** More handshakes at once than this, and the kernel's queue of a listener drops some. */
const atOnce = 200
/** Joins are several round trips to a database, which are not what is measured. */
const joinsAtOnce = 25

/** Opens `count` sockets, a few at a time. */
export async function connectAll(
  server: Pick<Server, "url" | "token">,
  count: number,
  pathOf: (number: number) => string,
  onFrame: (number: number) => OnFrame = () => () => undefined,
): Promise<LeanClient[]> {
  const clients: LeanClient[] = []
  for (let from = 0; from < count; from += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, count - from) }, (_, n) => from + n)
    const connect = (number: number) => LeanClient.connect(server.url + pathOf(number), server.token, onFrame(number))
    clients.push(...(await Promise.all(some.map(connect))))
  }
  return clients
}

/** Joins each to its chat, a few at a time; resolves when all are live. */
export async function joinAll(clients: readonly LeanClient[]): Promise<void> {
  for (let from = 0; from < clients.length; from += joinsAtOnce)
    await Promise.all(clients.slice(from, from + joinsAtOnce).map((client) => joinChat(client)))
}

export function joinChat(client: LeanClient, chat_id?: string): Promise<void> {
  const { onFrame } = client
  return new Promise((resolve, reject) => {
    client.onFrame = (payload) => {
      if (payload.indexOf('{"type":"error"') === 0) reject(new Error(payload.toString()))
      if (!payload.includes('"replayed"')) return
      client.onFrame = onFrame
      resolve()
    }
    client.send(frameOf(JSON.stringify({ type: "start", data: {}, ...(chat_id === undefined ? {} : { chat_id }) })))
  })
}

export function closeAll(clients: readonly LeanClient[]): void {
  for (const client of clients) client.close()
}

/** Resolves with the next frame that has this in it. */
export function frameWith(client: LeanClient, text: string): Promise<Buffer> {
  const { onFrame } = client
  return new Promise((resolve) => {
    client.onFrame = (payload) => {
      onFrame(payload, client)
      if (!payload.includes(text)) return
      client.onFrame = onFrame
      resolve(Buffer.from(payload))
    }
  })
}
