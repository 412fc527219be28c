// The tables of graphs that run as bots.
import { blob, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core"

/** Checkpoints of graphs (handlers/graph-checkpoints.ts). */
export const graphCheckpoints = sqliteTable(
  "graph_checkpoints",
  {
    thread_id: text().notNull(),
    checkpoint_ns: text().notNull(),
    checkpoint_id: text().notNull(),
    parent_checkpoint_id: text(),
    checkpoint_type: text().notNull(),
    checkpoint: blob({ mode: "buffer" }).notNull(),
    metadata_type: text().notNull(),
    metadata: blob({ mode: "buffer" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.thread_id, table.checkpoint_ns, table.checkpoint_id] })],
)

/** What the tasks of a graph wrote after a checkpoint, and is not in one yet. */
export const graphWrites = sqliteTable(
  "graph_writes",
  {
    thread_id: text().notNull(),
    checkpoint_ns: text().notNull(),
    checkpoint_id: text().notNull(),
    task_id: text().notNull(),
    idx: integer().notNull(),
    channel: text().notNull(),
    value_type: text().notNull(),
    value: blob({ mode: "buffer" }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.thread_id, table.checkpoint_ns, table.checkpoint_id, table.task_id, table.idx] }),
  ],
)
