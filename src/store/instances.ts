// The instances that live, each under a lease, and which turns each of them runs. That a turn runs on is written nowhere else:
// thousands of turns are as many pages, scattered over the whole database.
import { and, eq, sql } from "drizzle-orm"
import type { Database } from "./database.ts"
import { instances, isRunning, turns } from "./schema.ts"

/** Prolongs the lease of an instance, or begins it. */
export async function renewLease(db: Database, instance: string, lease_expires_at: number): Promise<void> {
  await db.orm
    .insert(instances)
    .values({ id: instance, lease_expires_at })
    .onConflictDoUpdate({ target: instances.id, set: { lease_expires_at } })
}

/** The turns that the instance runs: id -> generation. From the index alone, in one row, however many there are. */
export async function turnsOf(db: Database, instance: string): Promise<Map<string, number>> {
  const [row] = await db.orm
    .select({ generations: sql<string>`json_group_object(id, generation)` })
    .from(turns)
    .where(and(isRunning, eq(turns.instance, instance)))
  const generations: Record<string, number> = JSON.parse(row?.generations ?? "{}")
  return new Map(Object.entries(generations))
}

/** Turns that began while the instance had no lease are under its lease from now on. */
export async function dropOwnLeases(db: Database, instance: string): Promise<void> {
  await db.orm
    .update(turns)
    .set({ lease_expires_at: null })
    .where(and(isRunning, eq(turns.instance, instance), sql`${turns.lease_expires_at} is not null`))
}
