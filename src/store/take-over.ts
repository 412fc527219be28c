// What becomes of the turns of an instance that is gone.
import { and, eq, inArray, isNull, lt, ne, notInArray, sql } from "drizzle-orm"
import { timestamp } from "../clock.ts"
import type { Database } from "./database.ts"
import { instances, isOpen, isRunning, sessions, type TurnRow, turns } from "./schema.ts"

export interface TakeOver {
  readonly instance: string
  readonly now: number
  /**
   * Whose turns are taken besides those that nobody has: of those whose lease is over; of all others, where the caller is the
   * database's only instance; or no one's.
   */
  readonly from: "gone" | "others" | "nobody"
}

/**
 * From one holder to the next: to look at each turn that runs, once in a while and from each instance, would be thousands of
 * rows read.
 */
const ofTheGone = ({ instance, now }: TakeOver) => sql`with recursive holders (id) as (
  select min(instance) from turns where ${isRunning}
  union all
  select (select min(instance) from turns where ${isRunning} and instance > holders.id) from holders where holders.id is not null
)
select rowid from turns where ${isRunning} and instance is null
union all
select rowid from turns where ${isRunning}
  and instance in (select id from holders where id <> ${instance} and id not in (select id from instances))
  and coalesce(lease_expires_at, 0) < ${now}`

const conditions = {
  gone: (request: TakeOver) => sql`rowid in (${ofTheGone(request)})`,
  others: ({ instance }: TakeOver) => and(isRunning, sql`${turns.instance} is not ${instance}`),
  nobody: () => and(isRunning, isNull(turns.instance)),
}

/** Takes running turns whose holder is gone, under a new generation. Of instances whose lease is over nothing is left. */
export async function takeOver(db: Database, request: TakeOver): Promise<TurnRow[]> {
  const { instance, now, from } = request
  const dead = { gone: lt(instances.lease_expires_at, now), others: undefined, nobody: sql`false` }
  const [, taken] = await db.orm.batch([
    db.orm.delete(instances).where(and(ne(instances.id, instance), dead[from])),
    db.orm
      .update(turns)
      .set({
        instance,
        lease_expires_at: null,
        generation: sql`${turns.generation} + 1`,
        attempts: sql`${turns.attempts} + 1`,
      })
      .where(conditions[from](request))
      .returning(),
  ])
  return taken
}

/**
 * Takes the first in line of chats where nobody runs a turn: its instance left it behind when it shut down. There is no other
 * way to come to this, since the next in line is taken in the commit that ends the one before.
 */
export async function takeStranded(
  db: Database,
  { instance, now }: Pick<TakeOver, "instance" | "now">,
): Promise<TurnRow[]> {
  const take = db.orm
    .update(turns)
    .set({
      state: "running",
      instance,
      lease_expires_at: null,
      generation: sql`${turns.generation} + 1`,
      attempts: sql`${turns.attempts} + 1`,
      start_time: timestamp(now),
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
    .where(and(isRunning, eq(turns.instance, instance)))
  const [taken] = await db.orm.batch([
    take,
    db.orm
      .update(sessions)
      .set({ state: "running" })
      .where(and(inArray(sessions.id, running), notInArray(sessions.state, ["ended", "running"]))),
  ])
  return taken
}
