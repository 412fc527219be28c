// Rows of a graph's checkpoints as LangGraph reads them.
import type { RunnableConfig } from "@langchain/core/runnables"
import {
  type Checkpoint,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  compareWritesSortKeys,
  maxChannelVersion,
  type SerializerProtocol,
  TASKS,
  writesSortKey,
} from "@langchain/langgraph-checkpoint"
import type {
  CheckpointKey,
  FoundCheckpoint,
  GraphCheckpoints,
  PendingWrite,
  Serialized,
} from "../graph-checkpoints.ts"

/** The channel of what tasks said: no graph sees it. */
export const said = "__said__"

export class TupleReader {
  readonly #graphs: GraphCheckpoints
  readonly #serde: SerializerProtocol

  constructor(graphs: GraphCheckpoints, serde: SerializerProtocol) {
    this.#graphs = graphs
    this.#serde = serde
  }

  async read({ row, writes }: FoundCheckpoint): Promise<CheckpointTuple> {
    const { thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id } = row
    const key = { thread_id, checkpoint_ns, checkpoint_id }
    const parent = parent_checkpoint_id === null ? undefined : { ...key, checkpoint_id: parent_checkpoint_id }
    const values = row.values.map(async ({ channel, value }) => [channel, await this.#loaded(value)])
    const channel_values = Object.fromEntries(await Promise.all(values))
    const checkpoint: Checkpoint = { ...(await this.#loaded(row.checkpoint)), channel_values }
    if (checkpoint.v < 4 && parent) await this.#bringPendingSends(checkpoint, parent)
    return {
      config: configOf(key),
      checkpoint,
      metadata: await this.#loaded(row.metadata),
      pendingWrites: await this.#pendingOf(writes),
      ...(parent ? { parentConfig: configOf(parent) } : {}),
    }
  }

  /** In the order in which the graph applies them. */
  async #pendingOf(writes: readonly PendingWrite[]): Promise<CheckpointPendingWrite[]> {
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
    const found = await this.#graphs.find(parent, parent.checkpoint_id)
    const sends = await this.#pendingOf((found?.writes ?? []).filter(({ channel }) => channel === TASKS))
    checkpoint.channel_values[TASKS] = sends.map(([, , send]) => send)
    const versions = Object.values(checkpoint.channel_versions)
    checkpoint.channel_versions[TASKS] = versions.length > 0 ? maxChannelVersion(...versions) : versionAfter(undefined)
  }

  #loaded({ type, value }: Serialized) {
    return this.#serde.loadsTyped(type, value)
  }
}

/** With a fraction by chance, so that two branches of a thread never give the same version to different values. */
export function versionAfter(current: number | undefined): number {
  const chance = Math.floor(Math.random() * 1_000_000)
  return Number(`${Math.floor(current ?? 0) + 1}.${String(chance).padStart(6, "0")}`)
}

export function placeOf({ configurable = {} }: RunnableConfig) {
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

export function configOf(key: CheckpointKey): RunnableConfig {
  return { configurable: { ...key } }
}
