// What becomes of the turns of an instance that is gone.
import { and, eq, inArray, lt, ne, notInArray, sql } from "drizzle-orm"
import { timestamp } from "../clock.ts"
import type { Database } from "./database.ts"
import { instances, isOpen, isRunning, sessions, type TurnRow, turns } from "./schema.ts"

export interface TakeOver {
  readonly instance: string
  readonly now: number
  /** All others are gone: the caller is the database's only instance. */
  readonly all: boolean
}

/**
 * Turns that were let go of, and turns of others who have no lease. From one holder to the next: to look at each turn that runs,
 * once in a while and from each instance, would be thousands of rows read.
 */
const orphans = ({ instance, now }: TakeOver) => sql`with recursive holders (id) as (
  select min(instance) from turns where ${isRunning}
  union all
  select (select min(instance) from turns where ${isRunning} and instance > holders.id) from holders where holders.id is not null
)
select rowid from turns where ${isRunning} and instance is null
union all
select rowid from turns where ${isRunning}
  and instance in (select id from holders where id <> ${instance} and id not in (select id from instances)) and coalesce(lease_expires_at, 0) < ${now}`

/**
 * Takes running turns whose holder is gone, under a new generation. The lease of an instance that is over is deleted in the same
 * commit: that is how the instance learns of it, whatever its clock says.
 */
export async function takeOver(db: Database, request: TakeOver): Promise<TurnRow[]> {
  const { instance, now, all } = request
  const [, taken] = await db.orm.batch([
    db.orm
      .delete(instances)
      .where(and(ne(instances.id, instance), all ? undefined : lt(instances.lease_expires_at, now))),
    db.orm
      .update(turns)
      .set({
        instance,
        lease_expires_at: null,
        generation: sql`${turns.generation} + 1`,
        attempts: sql`${turns.attempts} + 1`,
      })
      .where(all ? and(isRunning, sql`${turns.instance} is not ${instance}`) : sql`rowid in (${orphans(request)})`)
      .returning(),
  ])
  return taken
}

/**
 * Takes the first in line of chats where nobody runs a turn: its instance left it behind when it shut down. There is no other
 * way to come to this, since the next in line is taken in the commit that ends the one before.
 */
export async function takeStranded(db: Database, { instance, now }: TakeOver): Promise<TurnRow[]> {
  const start_time = timestamp(now)
  const take = db.orm
    .update(turns)
    .set({
      state: "running",
      instance,
      lease_expires_at: null,
      generation: sql`${turns.generation} + 1`,
      attempts: sql`${turns.attempts} + 1`,
      start_time,
    })
    .where(
      and(
        isOpen,
        sql`+${turns.state} = 'queued'`,
        sql`not exists (select 1 from ${turns} o where o.session_id = ${turns}.session_id and o.state in ('queued', 'running') and o.seq < ${turns}.seq)`,
      ),
    )
    .returning()
  const running = db.orm
    .select({ id: turns.session_id })
    .from(turns)
    .where(and(isRunning, eq(turns.instance, instance), eq(turns.start_time, start_time)))
  const [taken] = await db.orm.batch([
    take,
    db.orm
      .update(sessions)
      .set({ state: "running" })
      .where(and(inArray(sessions.id, running), notInArray(sessions.state, ["ended", "running"]))),
  ])
  return taken
}
