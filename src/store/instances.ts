// The instances that live, each under a lease, and the turns that each of them runs. Of a turn nothing is written while it
// runs on: thousands are as many pages, scattered over the whole database.
import { and, eq, lt, sql } from "drizzle-orm"
import type { Database } from "./database.ts"
import { instances, isRunning, type TurnRow, turns } from "./schema.ts"

/** Prolongs the lease of an instance. False: it had none, or it was over and others may have taken what the instance ran. */
export async function renewLease(db: Database, instance: string, lease_expires_at: number): Promise<boolean> {
  const [prolonged] = await db.orm.batch([
    db.orm
      .update(instances)
      // One that was long on its way takes nothing back.
      .set({ lease_expires_at: sql`max(${instances.lease_expires_at}, ${lease_expires_at})` })
      .where(eq(instances.id, instance))
      .returning({ id: instances.id }),
    db.orm.insert(instances).values({ id: instance, lease_expires_at }).onConflictDoNothing(),
  ])
  return prolonged.length > 0
}

/** Which of these turns the instance holds. */
export async function heldAmong(db: Database, instance: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db.orm
    .select({ id: turns.id })
    .from(turns)
    // The plus: by their ids, not from among all that run.
    .where(
      and(
        sql`${turns.id} in (select value from json_each(${JSON.stringify(ids)}))`,
        eq(turns.instance, instance),
        sql`+${turns.state} = 'running'`,
      ),
    )
  return new Set(rows.map(({ id }) => id))
}

/** A turn that an instance holds. `place`: its row, for those that began in the same millisecond. */
export type HeldRow = Pick<TurnRow, "id" | "generation" | "start_time"> & { readonly place: number }

export interface HeldQuery {
  readonly instance: string
  readonly before: string
  readonly after: HeldRow | undefined
  readonly limit: number
}

/** The turns that an instance holds and that began before a time, the oldest first; some, from behind the given one on. */
export function heldTurns(db: Database, { instance, before, after, limit }: HeldQuery): Promise<HeldRow[]> {
  const place = sql<number>`turns.rowid`
  return db.orm
    .select({ id: turns.id, generation: turns.generation, start_time: turns.start_time, place })
    .from(turns)
    .where(
      and(
        isRunning,
        eq(turns.instance, instance),
        lt(turns.start_time, before),
        sql`(${turns.start_time}, ${place}) > (${after?.start_time ?? ""}, ${after?.place ?? 0})`,
      ),
    )
    .orderBy(turns.start_time, place)
    .limit(limit)
}
