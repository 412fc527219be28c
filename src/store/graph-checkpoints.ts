// Checkpoints of graphs, as rows. What each verb does is said in handlers/graph-checkpoints.ts, whose shapes these are.
import { and, asc, desc, eq, gte, lt, type SQL, sql } from "drizzle-orm"
import type { BatchItem } from "drizzle-orm/batch"
import type { Database } from "./database.ts"
import { isRuleBroken } from "./faults.ts"
import { graphCheckpoints as checkpoints, graphWrites as writes } from "./graph-schema.ts"
import {
  copyStatements,
  deleteUpTo,
  fence,
  newestOf,
  valueId,
  values,
  versionOf,
  versionsOf,
} from "./graph-statements.ts"
import type { TurnRow } from "./schema.ts"

interface Serialized {
  readonly type: string
  readonly value: Uint8Array
}

interface Place {
  readonly thread_id: string
  readonly checkpoint_ns: string
}

interface Key extends Place {
  readonly checkpoint_id: string
}

interface Value {
  readonly channel: string
  readonly version: string
  readonly value: Serialized
}

interface Row extends Key {
  readonly parent_checkpoint_id: string | null
  readonly checkpoint: Serialized
  readonly metadata: Serialized
  readonly values: readonly Value[]
}

interface Write {
  readonly task_id: string
  readonly task_path: string
  readonly idx: number
  readonly channel: string
  readonly value: Serialized
}

interface Filter extends Partial<Key> {
  readonly before?: string
  readonly limit?: number
}

type WriteRow = typeof writes.$inferSelect

type Statement = BatchItem<"sqlite">

/** With `held`, only for as long as that run of the turn has it: whoever lost it writes nothing into a thread that others go on with. */
export function openGraphCheckpoints({ orm }: Pick<Database, "orm">, held?: Pick<TurnRow, "id" | "generation">) {
  const place = { thread_id: checkpoints.thread_id, checkpoint_ns: checkpoints.checkpoint_ns }

  return {
    /** One round trip. */
    async find({ thread_id, checkpoint_ns }: Place, checkpoint_id?: string) {
      const id = checkpoint_id ?? newestOf(thread_id, checkpoint_ns)
      const at = (table: typeof checkpoints | typeof writes, where: SQL) =>
        and(eq(table.thread_id, thread_id), eq(table.checkpoint_ns, checkpoint_ns), where)
      const [found, written, valued] = await orm.batch([
        orm
          .select()
          .from(checkpoints)
          .where(at(checkpoints, sql`${checkpoints.checkpoint_id} = ${id}`)),
        orm
          .select()
          .from(writes)
          .where(at(writes, sql`${writes.checkpoint_id} = ${id}`))
          .orderBy(asc(writes.task_id), asc(writes.idx)),
        orm
          .select()
          .from(writes)
          .where(
            at(
              writes,
              sql`(${writes.checkpoint_id}, ${writes.task_id}) in (select * from ${versionsOf(sql`c.thread_id = ${thread_id}
                and c.checkpoint_ns = ${checkpoint_ns} and c.checkpoint_id = ${id}`)})`,
            ),
          ),
      ])
      const row = found[0]
      if (!row) return null
      const { checkpoint, checkpoint_type, metadata, metadata_type, ...key } = row
      return {
        row: {
          ...key,
          checkpoint: { type: checkpoint_type, value: checkpoint },
          metadata: { type: metadata_type, value: metadata },
          values: valued.map(({ task_id, checkpoint_id, value, value_type }) => ({
            ...{ channel: task_id, version: versionOf(checkpoint_id) },
            value: { type: value_type, value },
          })),
        },
        writes: written.map(writeOf),
      }
    },

    async list({ thread_id, checkpoint_ns, checkpoint_id, before, limit }: Filter): Promise<Key[]> {
      const query = orm
        .select({ ...place, checkpoint_id: checkpoints.checkpoint_id })
        .from(checkpoints)
        .where(
          and(
            thread_id === undefined ? undefined : eq(checkpoints.thread_id, thread_id),
            checkpoint_ns === undefined ? undefined : eq(checkpoints.checkpoint_ns, checkpoint_ns),
            checkpoint_id === undefined ? undefined : eq(checkpoints.checkpoint_id, checkpoint_id),
            before === undefined ? undefined : lt(checkpoints.checkpoint_id, before),
          ),
        )
        .orderBy(desc(checkpoints.checkpoint_id))
      return limit === undefined ? query : query.limit(limit)
    },

    async writesTo(thread_id: string, channel: string, checkpoint_id: string): Promise<Write[]> {
      const rows = await orm
        .select()
        .from(writes)
        .where(
          and(eq(writes.thread_id, thread_id), eq(writes.channel, channel), gte(writes.checkpoint_id, checkpoint_id)),
        )
      return rows.map(writeOf)
    },

    /** One batch. */
    async put({ checkpoint, metadata, values: fresh, ...row }: Row, keep?: number): Promise<void> {
      const { thread_id, checkpoint_ns } = row
      const columns = {
        parent_checkpoint_id: row.parent_checkpoint_id,
        ...{ checkpoint_type: checkpoint.type, checkpoint: Buffer.from(checkpoint.value) },
        ...{ metadata_type: metadata.type, metadata: Buffer.from(metadata.value) },
      }
      const insert = orm
        .insert(checkpoints)
        .values({ ...row, ...columns })
        .onConflictDoUpdate({
          target: [checkpoints.thread_id, checkpoints.checkpoint_ns, checkpoints.checkpoint_id],
          set: columns,
        })
      const inserts = fresh.map(({ channel, version, value }) =>
        insertWrite({ thread_id, checkpoint_ns, checkpoint_id: valueId(version) }, [values, true], {
          ...{ task_id: channel, task_path: "", idx: 0, value },
        }),
      )
      const pruning = keep === undefined ? [] : deleteUpTo(thread_id, checkpoint_ns, keep).map((each) => orm.run(each))
      await write([insert, ...inserts, ...pruning])
    },

    async putWrites(key: Key, made: readonly (Write & { readonly replace: boolean })[]): Promise<void> {
      await write(made.map(({ channel, replace, ...rest }) => insertWrite(key, [channel, replace], rest)))
    },

    /** One batch: the copy is there as a whole, or not at all. */
    async copyThread(copy: Parameters<typeof copyStatements>[0]): Promise<void> {
      await write(copyStatements(copy).map((statement) => orm.run(statement)))
    },

    async deleteThread(thread_id: string): Promise<void> {
      await write([
        orm.delete(writes).where(eq(writes.thread_id, thread_id)),
        orm.delete(checkpoints).where(eq(checkpoints.thread_id, thread_id)),
      ])
    },
  }

  /** One batch: all of it happens, or nothing. */
  async function write(statements: readonly Statement[]): Promise<void> {
    const [first, ...rest] = held ? [orm.run(fence(held)), ...statements] : statements
    if (!first) return
    try {
      await orm.batch([first, ...rest])
    } catch (error) {
      if (held && isRuleBroken(error))
        throw new Error("the turn has ended, or another instance has it", { cause: error })
      throw error
    }
  }

  function insertWrite(
    { thread_id, checkpoint_ns, checkpoint_id }: Key,
    [channel, replace]: [string, boolean],
    { task_id, task_path, idx, value }: Omit<Write, "channel">,
  ) {
    const insert = orm.insert(writes).values({
      ...{ thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel },
      ...{ value_type: typeAt(value.type, task_path), value: Buffer.from(value.value) },
    })
    if (!replace) return insert.onConflictDoNothing()
    return insert.onConflictDoUpdate({
      target: [writes.thread_id, writes.checkpoint_ns, writes.checkpoint_id, writes.task_id, writes.idx],
      set: { channel: sql`excluded.channel`, value_type: sql`excluded.value_type`, value: sql`excluded.value` },
    })
  }
}

function writeOf({ task_id, idx, channel, value, value_type }: WriteRow): Write {
  const [type = "", ...path] = value_type.split(" ")
  return { task_id, task_path: path.join(" "), idx, channel, value: { type, value } }
}

/** There is no column for the path; it is behind the type, which has no space in it. */
function typeAt(type: string, path: string): string {
  return path === "" ? type : `${type} ${path}`
}
