// LangGraph's own suite for savers, all of it, on a file and on a real libSQL server; and what this saver promises besides.
import { afterAll, describe, expect, test } from "bun:test"
import { emptyCheckpoint, uuid6 } from "@langchain/langgraph-checkpoint"
import { GraphSaver } from "../../../src/handlers/graph/saver.ts"
import type { Database } from "../../../src/store/database.ts"
import { openGraphCheckpoints } from "../../../src/store/graph-checkpoints.ts"
import { openServerDatabase, openTestDatabase, watched } from "../../support/database.ts"
import { deltaChannelHistoryTests, validate } from "../../support/saver-suite.ts"
import { noSqld, startSqld } from "../../support/sqld.ts"

const max_bytes = 1_000_000

interface Place {
  readonly name: string
  open(): Promise<{ readonly db: Database; close(): Promise<void> }>
}

function register({ name, open }: Place): void {
  let opened: Awaited<ReturnType<Place["open"]>> | undefined
  const initializer = {
    checkpointerName: `the saver, ${name}`,
    async beforeAll() {
      opened ??= await open()
    },
    async createCheckpointer() {
      opened ??= await open()
      await opened.db.client.batch(["delete from graph_checkpoints", "delete from graph_writes"], "write")
      return new GraphSaver({ graphs: openGraphCheckpoints(opened.db), max_bytes })
    },
  }
  describe(name, () => {
    validate(initializer)
    deltaChannelHistoryTests(initializer)
    afterAll(() => opened?.close())
  })
}

register({
  name: "on a file",
  async open() {
    const db = await openTestDatabase()
    return { db, close: async () => db[Symbol.asyncDispose]() }
  },
})

if (noSqld) test.skip(`on a libSQL server: ${noSqld}`, () => undefined)
else
  register({
    name: "on a libSQL server",
    async open() {
      const server = await startSqld()
      const db = await openServerDatabase(server.url)
      return {
        db,
        async close() {
          await db.close()
          await server[Symbol.asyncDispose]()
        },
      }
    },
  })

const metadata = { source: "loop" as const, step: 1, parents: {} }

async function scene(options: { keep?: number; max_bytes?: number } = {}) {
  const database = await openTestDatabase()
  const db = watched(database)
  const graphs = openGraphCheckpoints(db)
  const saver = new GraphSaver({ graphs, max_bytes, ...options })
  return { database, db, graphs, saver, config: { configurable: { thread_id: "t", checkpoint_ns: "" } } }
}

test("a checkpoint above the limit is refused with its size, and so is what a task wrote; nothing of it is kept", async () => {
  const { database, saver, config } = await scene({ max_bytes: 2000 })
  await using _ = database
  const large = { ...emptyCheckpoint(), channel_values: { text: "x".repeat(2000) } }
  await expect(saver.put(config, large, metadata, { text: 1 })).rejects.toMatchObject({
    ...{ code: "checkpoint_too_large", params: { limit: 2000 } },
  })
  const kept = await saver.put(config, emptyCheckpoint(), metadata, {})
  const writes: [string, unknown][] = [
    ["a", "x".repeat(1200)],
    ["b", "x".repeat(1200)],
  ]
  await expect(saver.putWrites(kept, writes, "task")).rejects.toMatchObject({ code: "checkpoint_too_large" })
  const tuples = await Array.fromAsync(saver.list(config))
  expect(tuples.map(({ pendingWrites }) => pendingWrites)).toEqual([[]])
})

test("with keep, the newest checkpoints stay with their writes, of each graph in a thread for itself", async () => {
  const { database, db, saver, config } = await scene({ keep: 3 })
  await using _ = database
  for (const checkpoint_ns of ["", "child"]) {
    let place = { configurable: { ...config.configurable, checkpoint_ns } }
    for (let step = 0; step < 10; step++) {
      const made = await saver.put(place, { ...emptyCheckpoint(), id: uuid6(step) }, { ...metadata, step }, {})
      await saver.putWrites(made, [["a", step]], "task")
      place = { configurable: { ...place.configurable, ...made.configurable } }
    }
  }
  for (const checkpoint_ns of ["", "child"]) {
    const tuples = await Array.fromAsync(saver.list({ configurable: { thread_id: "t", checkpoint_ns } }))
    expect(tuples.map((tuple) => tuple.metadata?.step)).toEqual([9, 8, 7])
    expect(tuples.map(({ pendingWrites }) => pendingWrites?.[0]?.[2])).toEqual([9, 8, 7])
  }
  const { rows } = await db.client.execute("select count(*) as count from graph_writes")
  expect(rows[0]?.count).toBe(6)
})

test("a put, what a task wrote, and a checkpoint that is read, are one round trip each", async () => {
  const { database, db, saver, config } = await scene({ keep: 3 })
  await using _ = database
  const trips = () => db.batches.length + db.single.length
  const made = await saver.put(config, emptyCheckpoint(), metadata, {})
  expect(trips()).toBe(1)
  await saver.putWrites(
    made,
    Array.from({ length: 20 }, (_, place): [string, unknown] => [`c${place}`, place]),
    "task",
  )
  expect(trips()).toBe(2)
  expect((await saver.getTuple(config))?.pendingWrites?.length).toBe(20)
  expect(trips()).toBe(3)
})

test("what tasks wrote comes in the order of their places in the graph, wherever it was stored first", async () => {
  const { database, saver, config } = await scene()
  await using _ = database
  const made = await saver.put(config, emptyCheckpoint(), metadata, {})
  await saver.putWrites(made, [["a", 3]], "task-1", "~__pregel_pull, node z")
  await saver.putWrites(made, [["a", 2]], "task-3", "~__pregel_pull, node a")
  await saver.putWrites(made, [["a", 1]], "task-2")
  const tuple = await saver.getTuple(config)
  expect(tuple?.pendingWrites?.map(([task_id, , value]) => [task_id, value])).toEqual([
    ["task-2", 1],
    ["task-3", 2],
    ["task-1", 3],
  ])
})

test("a thread is copied with its last checkpoint and that of graphs whose task goes on; the copy and its origin know nothing of each other", async () => {
  const { database, graphs, saver } = await scene()
  await using _ = database
  const of = (thread_id: string, checkpoint_ns: string) => ({ configurable: { thread_id, checkpoint_ns } })
  for (const ns of ["", "sub:done", "sub:open", "kept"]) {
    for (let step = 0; step < 2; step++) {
      const made = await saver.put(of("one", ns), { ...emptyCheckpoint(), id: uuid6(step) }, { ...metadata, step }, {})
      await saver.putWrites(made, [["a", `${ns} ${step}`]], "task", "path")
    }
  }
  const copy = { from: "one", to: "two", tasks: ["open"], whole: false, without: "__said__" }
  await graphs.copyThread(copy)
  await graphs.copyThread(copy)
  const seen = async (thread_id: string) =>
    (await Array.fromAsync(saver.list({ configurable: { thread_id } })))
      .map(({ config, metadata, pendingWrites }) => [config.configurable?.checkpoint_ns, metadata?.step, pendingWrites])
      .sort()
  const heads = ["", "kept", "sub:open"].map((ns) => [ns, 1, [["task", "a", `${ns} 1`]]])
  expect(await seen("two")).toEqual(heads)
  expect(await seen("one")).toEqual(heads)
  await saver.put(of("two", ""), { ...emptyCheckpoint(), id: uuid6(2) }, { ...metadata, step: 2 }, {})
  expect((await saver.getTuple(of("two", "")))?.metadata?.step).toBe(2)
  expect(await seen("one")).toEqual(heads)
  await saver.deleteThread("two")
  expect(await seen("two")).toEqual([])
  expect(await seen("one")).toEqual(heads)
})

test("two branches of a thread keep their own values", async () => {
  const { database, saver, config } = await scene()
  await using _ = database
  const root = await saver.put(config, emptyCheckpoint(), metadata, {})
  const branch = async (value: string) => {
    const a = saver.getNextVersion(undefined)
    const checkpoint = { ...emptyCheckpoint(), id: uuid6(1), channel_values: { a: value }, channel_versions: { a } }
    return saver.put(root, checkpoint, metadata, { a })
  }
  const [one, other] = [await branch("one"), await branch("other")]
  expect((await saver.get(one))?.channel_values).toEqual({ a: "one" })
  expect((await saver.get(other))?.channel_values).toEqual({ a: "other" })
})
