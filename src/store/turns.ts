// Turns outside the way of a message: what they have streamed, and what becomes of those that an instance does not end.
import type { InStatement } from "@libsql/client"
import { and, asc, eq, sql } from "drizzle-orm"
import type { Database } from "./database.ts"
import { jsonParameter } from "./json.ts"
import { rowOf } from "./row-json.ts"
import { isOpen, type ResumeFrom, type TurnRow, turns } from "./schema.ts"

const turnRow = rowOf(turns, "id")

/** What a turn has streamed so far. */
export interface Checkpoint {
  readonly turn_id: string
  readonly generation: number
  readonly text: string
  readonly reasoning: string
  /** The handler's own. */
  readonly checkpoint?: unknown
  readonly resume_from?: ResumeFrom | undefined
}

/** One statement for all; returns the ids of the turns that are still ours. */
export function checkpointStatement(checkpoints: readonly Checkpoint[]): InStatement {
  return {
    // The plus: by its id, not from among all that run.
    sql: `with j as materialized (select value from json_each(?1))
update turns set partial_text = j.value ->> 'text', partial_reasoning = j.value ->> 'reasoning',
  partial_generation = generation,
  attempts = case when j.value -> 'resume_from' is not null and (j.value -> 'resume_from' is not resume_from
    or j.value -> 'checkpoint' is not checkpoint) then 1 else attempts end,
  checkpoint = coalesce(j.value -> 'checkpoint', checkpoint),
  resume_from = coalesce(j.value -> 'resume_from', resume_from)
from j where turns.id = j.value ->> 'turn_id' and turns.generation = j.value ->> 'generation'
  and +turns.state = 'running'
returning id`,
    args: [jsonParameter(checkpoints)],
  }
}

export async function turnById(db: Database, id: string): Promise<TurnRow | undefined> {
  return (await db.orm.select().from(turns).where(eq(turns.id, id)).limit(1))[0]
}

/** The turn that runs in a chat. */
export async function runningOf(db: Database, session_id: string): Promise<TurnRow | undefined> {
  const first = (await openTurnsQuery(db, session_id))[0]?.turn
  return first?.state === "running" ? first : undefined
}

/** Nobody has them from now on: another instance may run them on, at once. */
export async function releaseTurns(db: Database, held: readonly Held[]): Promise<void> {
  const ids = held.map(({ id, generation }) => ({ id, generation }))
  // Instances of a version before 0009 know such a turn by a lease that is over. The plus: by its id.
  await db.orm.run(sql`update turns set instance = null, lease_expires_at = 0 from json_each(${JSON.stringify(ids)}) j
where turns.id = j.value ->> 'id' and turns.generation = j.value ->> 'generation' and +turns.state = 'running'`)
}

/** Puts a turn back that was taken and not begun: it is the first in line again. */
export async function putBack(db: Database, { id, generation }: Held): Promise<void> {
  await db.orm
    .update(turns)
    .set({ state: "queued", instance: null, lease_expires_at: null, start_time: null, attempts: 0 })
    .where(and(eq(turns.id, id), eq(turns.generation, generation), eq(turns.state, "running")))
}

/** A turn as one of its runs has it. */
export type Held = Pick<TurnRow, "id" | "generation">

/** The turns of a chat that have not ended, first in line first. */
export function openTurnsQuery(db: Database, session_id: string) {
  return db.orm
    .select({ turn: turnRow })
    .from(turns)
    .where(and(eq(turns.session_id, session_id), isOpen))
    .orderBy(asc(turns.seq))
}
