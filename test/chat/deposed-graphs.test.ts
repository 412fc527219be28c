// An instance that was frozen for longer than its lease goes on with a graph which another instance has taken over meanwhile.
import { expect, test } from "bun:test"
import { eq } from "drizzle-orm"
import type { CheckpointRow, GraphCheckpoints } from "../../src/handlers/graph-checkpoints.ts"
import { openGraphCheckpoints } from "../../src/store/graph-checkpoints.ts"
import { turns } from "../../src/store/schema.ts"
import { openServerDatabase } from "../support/database.ts"
import { noSqld, startSqld } from "../support/sqld.ts"
import { openScene, type Scene } from "./scene.ts"

const place = { thread_id: "thread", checkpoint_ns: "" }

function checkpoint(checkpoint_id: string): CheckpointRow {
  const value = new TextEncoder().encode('{"channel_versions":{"words":"1"}}')
  const kept = { type: "json", value }
  const values = [{ channel: "words", version: "1", value: kept }]
  return { ...place, checkpoint_id, parent_checkpoint_id: null, checkpoint: kept, metadata: kept, values }
}

async function heads(graphs: GraphCheckpoints): Promise<string[]> {
  return (await graphs.list({})).map(({ thread_id, checkpoint_id }) => `${thread_id} ${checkpoint_id}`)
}

async function takenOver(scene: Scene): Promise<void> {
  const { db, session, clock } = scene
  await db.orm.update(turns).set({ instance: "ins_dead", lease_expires_at: 0 }).where(eq(turns.session_id, session.id))
  await clock.advance(5000)
}

test("[P6.9] who lost a turn can neither write into the thread of its graph any more, nor prune, copy or delete it", async () => {
  await using scene = await openScene({}, { resumable: true })
  await scene.join()
  await scene.say("go")
  const first = await scene.bot.run()
  await first.context.graphs.put(checkpoint("1"), 1)
  await takenOver(scene)
  const second = await scene.bot.run()
  const { graphs } = second.context
  await graphs.put(checkpoint("2"), 10)

  const late = first.context.graphs
  const write = { task_id: "task", task_path: "", idx: 0, channel: "words", value: checkpoint("1").metadata }
  const writes = [{ ...write, replace: true }]
  const copy = { from: "thread", to: "other", tasks: [], whole: false, without: "" }
  for (const act of [
    () => late.put(checkpoint("3"), 1),
    () => late.putWrites({ ...place, checkpoint_id: "2" }, writes),
    () => late.copyThread(copy),
    () => late.deleteThread("thread"),
  ]) {
    const refused = await act().catch((error: unknown) => error)
    expect(refused).toMatchObject({ message: expect.stringContaining("another instance") })
  }
  expect(await heads(graphs)).toEqual(["thread 2", "thread 1"])
  expect((await graphs.find(place))?.writes).toEqual([])
  await graphs.deleteThread("thread")
  expect(await heads(graphs)).toEqual([])
  second.done()
})

test("what a graph still writes after its turn has ended is not kept", async () => {
  await using scene = await openScene({}, { resumable: true })
  await scene.join()
  await scene.say("go")
  const run = await scene.bot.run()
  const { graphs } = run.context
  run.done()
  await scene.published("end")
  await expect(graphs.put(checkpoint("1"))).rejects.toThrow("another instance")
  expect(await heads(graphs)).toEqual([])
})

test.skipIf(noSqld !== null)("a libSQL server keeps nothing of a turn that is not held", async () => {
  await using server = await startSqld()
  const db = await openServerDatabase(server.url)
  try {
    const graphs = openGraphCheckpoints(db, { id: "trn_nobody", generation: 1 })
    await expect(graphs.put(checkpoint("1"))).rejects.toThrow("another instance")
    expect(await heads(graphs)).toEqual([])
  } finally {
    await db.close()
  }
})
