// The client of a libSQL server, for writes and for what must be up to date. Loaded by those who have a server.
import { type Client, createClient } from "@libsql/client"
import type { Clock } from "../clock.ts"
import { type StoreHealth, withHealth } from "./faults.ts"
import { withSerialWrites } from "./serial-writes.ts"

export interface ServerOptions {
  readonly url: string
  readonly auth_token: string | undefined
  readonly patience_ms: number
  readonly clock: Clock
  readonly health: StoreHealth
}

export function openServerClient({ url, auth_token, patience_ms, clock, health }: ServerOptions): Client {
  const authToken = auth_token === undefined ? {} : { authToken: auth_token }
  const inTime = (request: Request) => {
    // A server that packs its answers spends a twentieth of a batch's time on it (sqld 0.24).
    request.headers.set("accept-encoding", "identity")
    return fetch(request, { signal: AbortSignal.timeout(patience_ms) })
  }
  const client = createClient({ url, ...authToken, fetch: inTime })
  return withSerialWrites(withHealth(client, health), { clock, patience_ms })
}
