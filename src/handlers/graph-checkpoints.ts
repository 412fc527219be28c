// Where a graph keeps its checkpoints: rows that handlers/graph/saver.ts speaks to, kept by store/graph-checkpoints.ts.

/** A value as LangGraph's serializer gives it. */
export interface Serialized {
  readonly type: string
  readonly value: Uint8Array
}

export interface CheckpointKey {
  /** One run of a graph, with all that it waits for. */
  readonly thread_id: string
  readonly checkpoint_ns: string
  readonly checkpoint_id: string
}

export interface CheckpointRow extends CheckpointKey {
  readonly parent_checkpoint_id: string | null
  readonly checkpoint: Serialized
  readonly metadata: Serialized
}

export interface PendingWrite {
  readonly task_id: string
  readonly idx: number
  readonly channel: string
  readonly value: Serialized
}

export interface CheckpointFilter {
  readonly thread_id?: string
  readonly checkpoint_ns?: string
  readonly checkpoint_id?: string
  /** Only those before this one. */
  readonly before?: string
  readonly limit?: number
}

export interface GraphCheckpoints {
  /** Those that fit, newest first. */
  list(filter: CheckpointFilter): Promise<CheckpointRow[]>
  put(row: CheckpointRow): Promise<void>
  /** In the order of task_id and idx. */
  writesOf(key: CheckpointKey): Promise<PendingWrite[]>
  /** `replace`: a write of the same task and idx takes the place of the one before; else the first stays. */
  putWrites(key: CheckpointKey, writes: readonly (PendingWrite & { readonly replace: boolean })[]): Promise<void>
  deleteThread(thread_id: string): Promise<void>
}
