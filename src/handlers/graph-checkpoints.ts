// Where a graph keeps its checkpoints: rows that handlers/graph/saver.ts speaks to, kept by store/graph-checkpoints.ts.

/** A value as LangGraph's serializer gives it. */
export interface Serialized {
  readonly type: string
  readonly value: Uint8Array
}

/** A graph's place in a thread: `checkpoint_ns` is empty for the graph itself, else it names a graph within it. */
export interface CheckpointPlace {
  /** One turn of a graph. */
  readonly thread_id: string
  readonly checkpoint_ns: string
}

export interface CheckpointKey extends CheckpointPlace {
  /** Later ones sort after earlier ones. */
  readonly checkpoint_id: string
}

/** The value of a channel since a version of it: kept once, however many checkpoints have it. */
export interface ChannelValue {
  readonly channel: string
  /** As in `channel_versions` of the checkpoint. */
  readonly version: string
  readonly value: Serialized
}

export interface CheckpointRow extends CheckpointKey {
  readonly parent_checkpoint_id: string | null
  /** As JSON, with `channel_versions` and without the values. */
  readonly checkpoint: Serialized
  readonly metadata: Serialized
  /** Put: those that are new. Found: all that its versions name. */
  readonly values: readonly ChannelValue[]
}

export interface PendingWrite {
  readonly task_id: string
  /** Where in the graph the task is; empty: nowhere. Of a task, always the same. */
  readonly task_path: string
  readonly idx: number
  readonly channel: string
  readonly value: Serialized
}

export interface NewWrite extends PendingWrite {
  /** It takes the place of one of the same task and idx; else the first stays. */
  readonly replace: boolean
}

/** A checkpoint with what was written after it. */
export interface FoundCheckpoint {
  readonly row: CheckpointRow
  /** By task_id and idx. */
  readonly writes: readonly PendingWrite[]
}

export interface CheckpointFilter {
  readonly thread_id?: string
  readonly checkpoint_ns?: string
  readonly checkpoint_id?: string
  /** Only those before this one. */
  readonly before?: string
  readonly limit?: number
}

export interface ThreadCopy {
  readonly from: string
  readonly to: string
  /** Tasks that are not done: what graphs within them keep is copied as well. */
  readonly tasks: readonly string[]
  /** Everything there is, for graphs that read their earlier checkpoints; else the last one, and what was before it goes. */
  readonly whole: boolean
  /** What is written to this channel stays behind. */
  readonly without: string
}

/** Every verb may be repeated. */
export interface GraphCheckpoints {
  /** The one with `checkpoint_id`, else the last one; null: there is none. */
  find(place: CheckpointPlace, checkpoint_id?: string): Promise<FoundCheckpoint | null>
  /** Those that fit, newest first. */
  list(filter: CheckpointFilter): Promise<CheckpointKey[]>
  /** What was written to one channel after `checkpoint_id`, that one included, in any graph of the thread. */
  writesTo(thread_id: string, channel: string, checkpoint_id: string): Promise<PendingWrite[]>
  /** With `keep`, only so many of the place's checkpoints stay, the newest. */
  put(row: CheckpointRow, keep?: number): Promise<void>
  putWrites(key: CheckpointKey, writes: readonly NewWrite[]): Promise<void>
  copyThread(copy: ThreadCopy): Promise<void>
  deleteThread(thread_id: string): Promise<void>
}
