// Statements over the checkpoints of graphs that work on sets of rows: what is left of a thread, and copies of it. The value of a
// channel is a row of graph_writes as well, under its version in place of a checkpoint, so that checkpoints share it.
import { type SQL, sql } from "drizzle-orm"

/** The channel of rows that hold the value of a channel. */
export const values = "__value__"
const prefix = "value "

export function valueId(version: string): string {
  return prefix + version
}

export function versionOf(checkpoint_id: string): string {
  return checkpoint_id.slice(prefix.length)
}

/** Breaks a rule of its table, and with it the batch, unless the turn runs and nobody took it over. */
export function fence({ id, generation }: { readonly id: string; readonly generation: number }): SQL {
  return sql`insert into graph_checkpoints (thread_id) select null where not exists (select 1 from turns
    where id = ${id} and generation = ${generation} and +state = 'running')`
}

/** The last checkpoint of a place, or one so many before it. */
export function newestOf(thread_id: string, checkpoint_ns: string, before = 0): SQL {
  return sql`(select checkpoint_id from graph_checkpoints where thread_id = ${thread_id}
    and checkpoint_ns = ${checkpoint_ns} order by checkpoint_id desc limit 1 offset ${before})`
}

/** checkpoint_id and task_id of the values that belong to some checkpoints, of which `where` speaks as `c`. */
export function versionsOf(where: SQL): SQL {
  return sql`(select ${sql.raw(`'${prefix}'`)} || j.value, j.key from graph_checkpoints c,
    json_each(cast(c.checkpoint as text), '$.channel_versions') j where ${where})`
}

/** Of a place, only the newest stay. */
export function deleteUpTo(thread_id: string, checkpoint_ns: string, keep: number): SQL[] {
  const at = sql`thread_id = ${thread_id} and checkpoint_ns = ${checkpoint_ns}`
  const old = sql`${at} and checkpoint_id <= ${newestOf(thread_id, checkpoint_ns, keep)}`
  const used = versionsOf(sql`c.thread_id = ${thread_id} and c.checkpoint_ns = ${checkpoint_ns}`)
  return [
    sql`delete from graph_writes where ${old} and channel <> ${values}`,
    sql`delete from graph_checkpoints where ${old}`,
    sql`delete from graph_writes where ${at} and channel = ${values}
      and (checkpoint_id, task_id) not in (select * from ${used})`,
  ]
}

export interface Copy {
  readonly from: string
  readonly to: string
  readonly tasks: readonly string[]
  readonly whole: boolean
  readonly without: string
}

/** Copies a thread; unless it is wanted whole, only its last checkpoints, and all others go. */
export function copyStatements({ from, to, tasks, whole, without }: Copy): SQL[] {
  const checkpoints = whole ? sql`true` : headsOf("c", from, tasks)
  const writes = whole
    ? sql`true`
    : sql`case when w.channel = ${values}
        then (w.checkpoint_id, w.task_id) in (select * from ${versionsOf(sql`c.thread_id = ${from}
          and c.checkpoint_ns = w.checkpoint_ns and ${headsOf("c", from, tasks)}`)})
        else ${headsOf("w", from, tasks)} end`
  const copies = [
    sql`insert or ignore into graph_checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id,
        checkpoint_type, checkpoint, metadata_type, metadata)
      select ${to}, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint_type, checkpoint, metadata_type, metadata
      from graph_checkpoints c where c.thread_id = ${from} and ${checkpoints}`,
    sql`insert or ignore into graph_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, value_type, value)
      select ${to}, checkpoint_ns, checkpoint_id, task_id, idx, channel, value_type, value
      from graph_writes w where w.thread_id = ${from} and w.channel <> ${without} and ${writes}`,
  ]
  if (whole) return copies
  return [
    ...copies,
    sql`delete from graph_writes as w where w.thread_id = ${from} and not ${writes}`,
    sql`delete from graph_checkpoints as c where c.thread_id = ${from} and not ${checkpoints}`,
  ]
}

/** Rows of the last checkpoint of each graph: of those that a task runs, of `tasks` alone; others are kept from call to call. */
function headsOf(table: "c" | "w", thread_id: string, tasks: readonly string[]): SQL {
  const ns = sql.raw(`${table}.checkpoint_ns`)
  return sql`(${sql.raw(`${table}.checkpoint_id`)} = (select max(l.checkpoint_id) from graph_checkpoints l
      where l.thread_id = ${thread_id} and l.checkpoint_ns = ${ns})
    and (instr(${ns}, ':') = 0 or exists (select 1 from json_each(${JSON.stringify(tasks)}) t
      where instr(${ns}, ':' || t.value) > 0)))`
}

/** Deletes all of the threads that a query names. */
export function threadStatements(threads: string): { readonly checkpoints: string; readonly writes: string } {
  const of = (table: string) => `delete from ${table} where thread_id in (${threads})`
  return { checkpoints: of("graph_checkpoints"), writes: of("graph_writes") }
}
