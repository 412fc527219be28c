// Checkpoints of graphs, as rows. What each verb does is said in handlers/graph-checkpoints.ts, whose shapes these are.
import { and, asc, desc, eq, lt, sql } from "drizzle-orm"
import type { Database } from "./database.ts"
import { graphCheckpoints as checkpoints, graphWrites as writes } from "./schema.ts"

interface Serialized {
  readonly type: string
  readonly value: Uint8Array
}

interface Key {
  readonly thread_id: string
  readonly checkpoint_ns: string
  readonly checkpoint_id: string
}

interface Row extends Key {
  readonly parent_checkpoint_id: string | null
  readonly checkpoint: Serialized
  readonly metadata: Serialized
}

interface Write {
  readonly task_id: string
  readonly idx: number
  readonly channel: string
  readonly value: Serialized
}

interface Filter extends Partial<Key> {
  readonly before?: string
  readonly limit?: number
}

export function openGraphCheckpoints({ orm }: Pick<Database, "orm">) {
  return {
    async list({ thread_id, checkpoint_ns, checkpoint_id, before, limit }: Filter): Promise<Row[]> {
      const query = orm
        .select()
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
      const rows = await (limit === undefined ? query : query.limit(limit))
      return rows.map(({ checkpoint, checkpoint_type, metadata, metadata_type, ...key }) => ({
        ...key,
        checkpoint: { type: checkpoint_type, value: checkpoint },
        metadata: { type: metadata_type, value: metadata },
      }))
    },

    async put({ checkpoint, metadata, ...row }: Row): Promise<void> {
      const values = {
        parent_checkpoint_id: row.parent_checkpoint_id,
        ...{ checkpoint_type: checkpoint.type, checkpoint: Buffer.from(checkpoint.value) },
        ...{ metadata_type: metadata.type, metadata: Buffer.from(metadata.value) },
      }
      await orm
        .insert(checkpoints)
        .values({ ...row, ...values })
        .onConflictDoUpdate({
          target: [checkpoints.thread_id, checkpoints.checkpoint_ns, checkpoints.checkpoint_id],
          set: values,
        })
    },

    async writesOf({ thread_id, checkpoint_ns, checkpoint_id }: Key): Promise<Write[]> {
      const rows = await orm
        .select()
        .from(writes)
        .where(
          and(
            eq(writes.thread_id, thread_id),
            eq(writes.checkpoint_ns, checkpoint_ns),
            eq(writes.checkpoint_id, checkpoint_id),
          ),
        )
        .orderBy(asc(writes.task_id), asc(writes.idx))
      return rows.map(({ task_id, idx, channel, value, value_type }) => ({
        ...{ task_id, idx, channel },
        value: { type: value_type, value },
      }))
    },

    async putWrites(key: Key, made: readonly (Write & { readonly replace: boolean })[]): Promise<void> {
      const { thread_id, checkpoint_ns, checkpoint_id } = key
      for (const replace of [true, false]) {
        const rows = made
          .filter((write) => write.replace === replace)
          .map(({ task_id, idx, channel, value }) => ({
            ...{ thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel },
            ...{ value_type: value.type, value: Buffer.from(value.value) },
          }))
        if (rows.length === 0) continue
        const insert = orm.insert(writes).values(rows)
        if (!replace) await insert.onConflictDoNothing()
        else {
          await insert.onConflictDoUpdate({
            target: [writes.thread_id, writes.checkpoint_ns, writes.checkpoint_id, writes.task_id, writes.idx],
            set: { channel: sql`excluded.channel`, value_type: sql`excluded.value_type`, value: sql`excluded.value` },
          })
        }
      }
    },

    async deleteThread(thread_id: string): Promise<void> {
      await orm.batch([
        orm.delete(writes).where(eq(writes.thread_id, thread_id)),
        orm.delete(checkpoints).where(eq(checkpoints.thread_id, thread_id)),
      ])
    },
  }
}
