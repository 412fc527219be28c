// After SQLITE_BUSY a connection of libsql 0.5 keeps the statement that met it open, and from then on every commit fails
// with "SQL statements in progress" (libsql-client-ts#352). So such a connection is not used again.
import type { Client } from "@libsql/client"

const acts: readonly PropertyKey[] = ["execute", "batch", "migrate"] satisfies (keyof Client)[]

/** The client; after a statement that met a lock it goes on with a new connection. */
export function withoutBusyConnections(client: Client): Client {
  const heal = async (act: () => unknown): Promise<unknown> => {
    try {
      return await act()
    } catch (error) {
      const code = codeOf(error)
      const spoilt = code.startsWith("SQLITE_BUSY")
      if (spoilt) await client.reconnect()
      // It was another statement of ours that met the lock: this one's commit failed, or its connection was closed before
      // it began. Nothing of it happened, so it may be tried again.
      if (spoilt ? String(error).includes("statements in progress") : code === "CLIENT_CLOSED" && !client.closed)
        return act()
      throw error
    }
  }
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      if (!acts.includes(name)) return value.bind(target)
      return (...given: unknown[]) => heal(() => Reflect.apply(value, target, given))
    },
  })
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : ""
}
