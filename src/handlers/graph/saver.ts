// Keeps a graph's checkpoints in the service's database: LangGraph's contract for savers, over GraphCheckpoints.
import type { RunnableConfig } from "@langchain/core/runnables"
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointTuple,
  copyCheckpoint,
  ERROR,
  getCheckpointId,
  type PendingWrite,
  WRITES_IDX_MAP,
} from "@langchain/langgraph-checkpoint"
import { ChatError } from "../../errors.ts"
import type {
  CheckpointKey,
  CheckpointRow,
  GraphCheckpoints,
  NewWrite,
  Serialized,
  ThreadCopy,
} from "../graph-checkpoints.ts"
import { configOf, placeOf, said, TupleReader, versionAfter } from "./tuple.ts"

export interface SaverOptions {
  readonly graphs: GraphCheckpoints
  /** Bytes of one checkpoint, or of all that a task wrote. */
  readonly max_bytes: number
  /** Checkpoints of each graph that stay; undefined: all. */
  readonly keep?: number | undefined
  /** A checkpoint is about to be kept. */
  putting?(key: CheckpointKey, metadata: CheckpointMetadata): void
  /** A task wrote to these channels. */
  wrote?(task_id: string, channels: readonly string[]): Wrote | undefined
}

export interface Wrote {
  /** What the task said, to be kept with what it wrote, on a channel that no graph sees; undefined: nothing is to be. */
  readonly said?: unknown
  /** It is kept. */
  stored(): void
}

/** Behind the indexes of LangGraph's own special writes. */
const saidIdx = -100

export class GraphSaver extends BaseCheckpointSaver {
  readonly #options: SaverOptions
  readonly #reader: TupleReader
  /** What is being kept of tasks: a checkpoint comes after it. */
  readonly #storing = new Set<Promise<void>>()

  constructor(options: SaverOptions) {
    super()
    this.#options = options
    this.#reader = new TupleReader(options.graphs, this.serde)
  }

  async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id, checkpoint_ns } = placeOf(config)
    if (thread_id === undefined) return undefined
    const found = await this.#options.graphs.find(
      { thread_id, checkpoint_ns: checkpoint_ns ?? "" },
      getCheckpointId(config) || undefined,
    )
    return found ? this.#reader.read(found) : undefined
  }

  async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { limit, filter = {} } = options
    const { thread_id, checkpoint_ns, checkpoint_id } = placeOf(config)
    const before = options.before ? getCheckpointId(options.before) : ""
    const wanted = Object.entries(filter)
    const keys = await this.#options.graphs.list({
      ...(thread_id === undefined ? {} : { thread_id }),
      ...(checkpoint_ns === undefined ? {} : { checkpoint_ns }),
      ...(checkpoint_id === undefined ? {} : { checkpoint_id }),
      ...(before === "" ? {} : { before }),
      ...(limit === undefined || wanted.length > 0 ? {} : { limit }),
    })
    let given = 0
    for (const key of keys) {
      if (limit !== undefined && given >= limit) return
      const found = await this.#options.graphs.find(key, key.checkpoint_id)
      if (!found) continue
      const tuple = await this.#reader.read(found)
      const metadata = new Map<string, unknown>(Object.entries(tuple.metadata ?? {}))
      if (!wanted.every(([name, value]) => metadata.get(name) === value)) continue
      given += 1
      yield tuple
    }
  }

  async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const { thread_id, checkpoint_ns = "", checkpoint_id } = placeOf(config)
    if (thread_id === undefined) throw new Error("a checkpoint without thread_id cannot be kept")
    const key = { thread_id, checkpoint_ns, checkpoint_id: checkpoint.id }
    await Promise.all(this.#storing)
    this.#options.putting?.(key, metadata)
    const { channel_values, ...rest } = copyCheckpoint(checkpoint)
    const fresh = Object.entries(channel_values).filter(([channel]) => channel in newVersions)
    const row: CheckpointRow = {
      ...key,
      parent_checkpoint_id: checkpoint_id ?? null,
      checkpoint: await this.#serialized(rest),
      metadata: await this.#serialized(metadata),
      values: await Promise.all(
        fresh.map(async ([channel, value]) => {
          return { channel, version: String(newVersions[channel]), value: await this.#serialized(value) }
        }),
      ),
    }
    this.#limit([row.checkpoint, row.metadata, ...row.values.map(({ value }) => value)])
    await this.#options.graphs.put(row, this.#options.keep)
    return configOf(key)
  }

  putWrites(config: RunnableConfig, writes: PendingWrite[], task_id: string, task_path = ""): Promise<void> {
    // Before anything is waited for: what is said after it belongs to others.
    const wrote = this.#options.wrote?.(
      task_id,
      writes.map(([channel]) => channel),
    )
    const storing = this.#store(config, writes, { task_id, task_path }, wrote?.said).then(() => wrote?.stored())
    this.#storing.add(storing)
    const forget = () => void this.#storing.delete(storing)
    storing.then(forget, forget)
    return storing
  }

  async #store(
    config: RunnableConfig,
    writes: PendingWrite[],
    task: Pick<NewWrite, "task_id" | "task_path">,
    told: unknown,
  ): Promise<void> {
    const { thread_id, checkpoint_ns = "", checkpoint_id } = placeOf(config)
    if (thread_id === undefined || checkpoint_id === undefined)
      throw new Error("writes without thread_id and checkpoint_id cannot be kept")
    // Of a task that failed LangGraph keeps what it wrote until then too, and takes it for finished when it goes on from here
    // (1.7: a node that another's failure aborts while it writes). It is to run again.
    const kept = writes.some(([channel]) => channel === ERROR) ? writes.filter(([channel]) => special(channel)) : writes
    const made: NewWrite[] = await Promise.all(
      kept.map(async ([channel, data], place) => {
        const idx = WRITES_IDX_MAP[channel] ?? place
        return { ...task, idx, channel, value: await this.#serialized(data), replace: idx < 0 }
      }),
    )
    if (told !== undefined)
      made.push({ ...task, idx: saidIdx, channel: said, value: await this.#serialized(told), replace: true })
    this.#limit(made.map(({ value }) => value))
    await this.#options.graphs.putWrites({ thread_id, checkpoint_ns, checkpoint_id }, made)
  }

  async deleteThread(thread_id: string): Promise<void> {
    await this.#options.graphs.deleteThread(thread_id)
  }

  async copyThread(copy: ThreadCopy): Promise<void> {
    await this.#options.graphs.copyThread(copy)
  }

  override getNextVersion(current: number | undefined): number {
    return versionAfter(current)
  }

  /** What tasks said after a checkpoint, as `wrote` gave it. */
  async saidSince(thread_id: string, checkpoint_id: string): Promise<unknown[]> {
    const writes = await this.#options.graphs.writesTo(thread_id, said, checkpoint_id)
    return Promise.all(writes.map(({ value }) => this.serde.loadsTyped(value.type, value.value)))
  }

  async #serialized(data: unknown): Promise<Serialized> {
    const [type, value] = await this.serde.dumpsTyped(data)
    return { type, value }
  }

  #limit(values: readonly Serialized[]): void {
    const size = values.reduce((bytes, { value }) => bytes + value.byteLength, 0)
    const limit = this.#options.max_bytes
    if (size > limit) throw new ChatError("checkpoint_too_large", { params: { size, limit } })
  }
}

/** Not for a channel of the graph. */
function special(channel: string): boolean {
  return channel in WRITES_IDX_MAP || channel.startsWith("__error")
}
