// Turns outside the way of a message: checkpoints, leases, take-over, and what a bot needs to know of before.
import type { InStatement } from "@libsql/client"
import { and, asc, eq, inArray, lt, notInArray, sql } from "drizzle-orm"
import { timestamp } from "../clock.ts"
import type { Database } from "./database.ts"
import { jsonParameter } from "./json.ts"
import { rowOf } from "./row-json.ts"
import { isOpen, isRunning, type ResumeFrom, sessions, type TurnRow, turns } from "./schema.ts"

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

/** When a lease is over that nobody has any more. */
const letGo = 0

/** Lets go of a turn that another instance may run on: its lease is over at once. */
export async function releaseLease(db: Database, { id, generation }: Held): Promise<void> {
  await db.orm.update(turns).set({ lease_expires_at: letGo }).where(held({ id, generation }))
}

/** Puts a turn back that was taken and not begun: it is the first in line again. */
export async function putBack(db: Database, { id, generation }: Held): Promise<void> {
  await db.orm
    .update(turns)
    .set({ state: "queued", instance: null, lease_expires_at: null, start_time: null, attempts: 0 })
    .where(held({ id, generation }))
}

type Held = Pick<TurnRow, "id" | "generation">

function held({ id, generation }: Held) {
  return and(eq(turns.id, id), eq(turns.generation, generation), eq(turns.state, "running"))
}

/** The turns of a chat that have not ended, first in line first. */
export function openTurnsQuery(db: Database, session_id: string) {
  return db.orm
    .select({ turn: turnRow })
    .from(turns)
    .where(and(eq(turns.session_id, session_id), isOpen))
    .orderBy(asc(turns.seq))
}

/**
 * Prolongs the leases of these turns of an instance, in one statement; returns the ids that it still holds. Those that it let
 * go of since it was asked are not among them.
 */
export async function renewLeases(
  db: Database,
  instance: string,
  ids: readonly string[],
  expires_at: number,
): Promise<string[]> {
  const rows = await db.orm
    .update(turns)
    .set({ lease_expires_at: expires_at })
    .where(
      and(
        among(ids),
        eq(turns.instance, instance),
        sql`+${turns.state} = 'running'`,
        sql`+${turns.lease_expires_at} <> ${letGo}`,
      ),
    )
    .returning({ id: turns.id })
  return rows.map(({ id }) => id)
}

/** One parameter, however many there are. With a plus before other conditions they are found by their ids. */
function among(ids: readonly string[]) {
  return sql`${turns.id} in (select value from json_each(${JSON.stringify(ids)}))`
}

export interface TakeOver {
  readonly instance: string
  readonly now: number
  readonly expires_at: number
  /** Leases of others count as expired: the caller is the database's only instance. */
  readonly all: boolean
}

/** Takes running turns whose holder is gone, under a new generation. */
export async function takeOver(db: Database, { instance, now, expires_at, all }: TakeOver): Promise<TurnRow[]> {
  return db.orm
    .update(turns)
    .set({
      instance,
      lease_expires_at: expires_at,
      generation: sql`${turns.generation} + 1`,
      attempts: sql`${turns.attempts} + 1`,
    })
    .where(and(isRunning, all ? sql`${turns.instance} <> ${instance}` : lt(turns.lease_expires_at, now)))
    .returning()
}

/**
 * Takes the first in line of chats where nobody runs a turn: its instance left it behind when it shut down. There is no other
 * way to come to this, since the next in line is taken in the commit that ends the one before.
 */
export async function takeStranded(db: Database, { instance, expires_at, now }: TakeOver): Promise<TurnRow[]> {
  const take = db.orm
    .update(turns)
    .set({
      state: "running",
      instance,
      lease_expires_at: expires_at,
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
