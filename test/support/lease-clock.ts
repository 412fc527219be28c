// Time goes on for an instance on a server: nothing but the store says when it has renewed its lease.
import { createClient } from "@libsql/client"
import { leaseFor, renewEvery } from "../../src/chat/instance-lease.ts"
import type { FakeClock } from "./clock.ts"

/** Resolves when the instance, whose clock goes ahead of all others, has renewed its lease for as long as one lasts. */
export async function aLeaseLater(clock: FakeClock, store: string): Promise<void> {
  const client = createClient({ url: store })
  try {
    for (let passed = 0; passed < leaseFor; passed += renewEvery) {
      await clock.advance(renewEvery)
      for (let until = 0; until < clock.now() + leaseFor; ) {
        const { rows } = await client.execute("select max(lease_expires_at) as until from instances")
        until = Number(rows[0]?.until)
      }
    }
  } finally {
    client.close()
  }
}
