// Keeps a graph's checkpoints in the service's database: LangGraph's contract for savers, over GraphCheckpoints.
import type { RunnableConfig } from "@langchain/core/runnables"
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  compareWritesSortKeys,
  copyCheckpoint,
  getCheckpointId,
  maxChannelVersion,
  type PendingWrite,
  TASKS,
  WRITES_IDX_MAP,
  writesSortKey,
} from "@langchain/langgraph-checkpoint"
import { ChatError } from "../../errors.ts"
import type * as Port from "../graph-checkpoints.ts"
import type {
  CheckpointKey,
  CheckpointRow,
  FoundCheckpoint,
  GraphCheckpoints,
  NewWrite,
  Serialized,
} from "../graph-checkpoints.ts"

export interface SaverOptions {
  readonly graphs: GraphCheckpoints
  /** Bytes of one checkpoint, or of all that a task wrote. */
  readonly max_bytes: number
  /** Checkpoints of each graph that stay; undefined: all. */
  readonly keep?: number | undefined
  /** What the task said so far, to be kept with what it wrote: on a channel that no graph sees. */
  saidBy?(task_id: string, done: boolean): unknown
}

/** The channel of what tasks said. */
export const said = "__said__"
/** Behind the indexes of LangGraph's own special writes. */
const saidIdx = -100

export class GraphSaver extends BaseCheckpointSaver {
  readonly #options: SaverOptions

  constructor(options: SaverOptions) {
    super()
    this.#options = options
  }

  async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id, checkpoint_ns } = placeOf(config)
    if (thread_id === undefined) return undefined
    const found = await this.#options.graphs.find(
      { thread_id, checkpoint_ns: checkpoint_ns ?? "" },
      getCheckpointId(config) || undefined,
    )
    return found ? this.#tupleOf(found) : undefined
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
      const tuple = await this.#tupleOf(found)
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

  async putWrites(config: RunnableConfig, writes: PendingWrite[], task_id: string, task_path = ""): Promise<void> {
    const { thread_id, checkpoint_ns = "", checkpoint_id } = placeOf(config)
    if (thread_id === undefined || checkpoint_id === undefined)
      throw new Error("writes without thread_id and checkpoint_id cannot be kept")
    const done = !writes.some(([channel]) => channel in WRITES_IDX_MAP)
    const told = this.#options.saidBy?.(task_id, done)
    const made: NewWrite[] = await Promise.all(
      writes.map(async ([channel, value], place) => {
        const idx = WRITES_IDX_MAP[channel] ?? place
        const value_ = await this.#serialized(value)
        return { task_id, task_path, idx, channel, value: value_, replace: idx < 0 }
      }),
    )
    if (told !== undefined)
      made.push({ task_id, task_path, idx: saidIdx, channel: said, value: await this.#serialized(told), replace: true })
    this.#limit(made.map(({ value }) => value))
    await this.#options.graphs.putWrites({ thread_id, checkpoint_ns, checkpoint_id }, made)
  }

  async deleteThread(thread_id: string): Promise<void> {
    await this.#options.graphs.deleteThread(thread_id)
  }

  /** With a fraction by chance, so that two branches of a thread never give the same version to different values. */
  override getNextVersion(current: number | undefined): number {
    const chance = Math.floor(Math.random() * 1_000_000)
    return Number(`${Math.floor(current ?? 0) + 1}.${String(chance).padStart(6, "0")}`)
  }

  /** What tasks said after a checkpoint, each list as `saidBy` gave it. */
  async saidSince(thread_id: string, checkpoint_id: string): Promise<unknown[]> {
    const writes = await this.#options.graphs.writesTo(thread_id, said, checkpoint_id)
    return Promise.all(writes.map(({ value }) => this.serde.loadsTyped(value.type, value.value)))
  }

  async #tupleOf({ row, writes }: FoundCheckpoint): Promise<CheckpointTuple> {
    const { thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id } = row
    const key = { thread_id, checkpoint_ns, checkpoint_id }
    const parent = parent_checkpoint_id === null ? undefined : { ...key, checkpoint_id: parent_checkpoint_id }
    const loaded = row.values.map(async ({ channel, value }) => [channel, await this.#loaded(value)])
    const channel_values = Object.fromEntries(await Promise.all(loaded))
    const checkpoint: Checkpoint = { ...(await this.#loaded(row.checkpoint)), channel_values }
    if (checkpoint.v < 4 && parent) await this.#bringPendingSends(checkpoint, parent)
    const metadata: CheckpointMetadata = await this.#loaded(row.metadata)
    return {
      config: configOf(key),
      checkpoint,
      metadata,
      pendingWrites: await this.#pendingOf(writes),
      ...(parent ? { parentConfig: configOf(parent) } : {}),
    }
  }

  /** In the order in which the graph applies them. */
  async #pendingOf(writes: readonly Port.PendingWrite[]): Promise<CheckpointPendingWrite[]> {
    const sorted = writes
      .filter(({ channel }) => channel !== said)
      .map((write) => ({ ...write, key: writesSortKey(write.task_path, write.task_id, write.idx) }))
      .sort((one, other) => compareWritesSortKeys(one.key, other.key))
    return Promise.all(
      sorted.map(async ({ task_id, channel, value }): Promise<CheckpointPendingWrite> => {
        return [task_id, channel, await this.#loaded(value)]
      }),
    )
  }

  /** Before version 4 what was sent to nodes lay with the writes of the checkpoint before. */
  async #bringPendingSends(checkpoint: Checkpoint, parent: CheckpointKey): Promise<void> {
    const found = await this.#options.graphs.find(parent, parent.checkpoint_id)
    const sends = await this.#pendingOf((found?.writes ?? []).filter(({ channel }) => channel === TASKS))
    checkpoint.channel_values[TASKS] = sends.map(([, , send]) => send)
    const versions = Object.values(checkpoint.channel_versions)
    checkpoint.channel_versions[TASKS] =
      versions.length > 0 ? maxChannelVersion(...versions) : this.getNextVersion(undefined)
  }

  async #serialized(data: unknown): Promise<Serialized> {
    const [type, value] = await this.serde.dumpsTyped(data)
    return { type, value }
  }

  #loaded({ type, value }: Serialized) {
    return this.serde.loadsTyped(type, value)
  }

  #limit(values: readonly Serialized[]): void {
    const size = values.reduce((bytes, { value }) => bytes + value.byteLength, 0)
    const limit = this.#options.max_bytes
    if (size > limit) throw new ChatError("checkpoint_too_large", { params: { size, limit } })
  }
}

function placeOf({ configurable = {} }: RunnableConfig) {
  return {
    thread_id: textOf(configurable.thread_id),
    checkpoint_ns: textOf(configurable.checkpoint_ns),
    checkpoint_id: textOf(configurable.checkpoint_id),
  }
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === "string" ? value : String(value)
}

function configOf(key: CheckpointKey): RunnableConfig {
  return { configurable: { ...key } }
}
