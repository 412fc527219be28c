// Large reads from a real replica of a real libSQL server: used where it has what the caller must see, never believed else.
import { describe, expect, test } from "bun:test"
import { type Clock, systemClock } from "../../src/clock.ts"
import type { Session } from "../../src/protocol/session.ts"
import { migrateDatabase, openDatabase } from "../../src/store/database.ts"
import { eventsSince, snapshotOf } from "../../src/store/events.ts"
import { listMessages } from "../../src/store/messages.ts"
import { events, messages, sessions } from "../../src/store/schema.ts"
import { Writer } from "../../src/store/writer.ts"
import { FakeClock } from "../support/clock.ts"
import { FaultProxy } from "../support/fault-proxy.ts"
import { noSqld, startReplica, startSqld } from "../support/sqld.ts"
import { appendOf, openChat, questionOf } from "./appends.ts"

/** A primary, the wire from it to its replica, and the service's way to both. */
async function openPair(clock: Clock = new FakeClock()) {
  await using started = new AsyncDisposableStack()
  const primary = started.use(await startSqld())
  const wire = started.use(await FaultProxy.to(primary.grpc))
  const replica = started.use(await startReplica({ grpc: `http://${wire.address}` }))
  const warnings: string[] = []
  const warn = (_: object, text: string) => void warnings.push(text)
  const log = { debug() {}, info() {}, warn, error: warn, child: () => log }
  const database = { url: primary.url, replica_url: replica.url }
  // So that a test which finds the primary frozen is told soon.
  const db = await openDatabase({ database, data_dir: "-" }, { patience_ms: 1000, clock, log })
  started.defer(() => db.close())
  await migrateDatabase(db)
  const writer = new Writer(db, systemClock)
  const rested = async () => (clock instanceof FakeClock ? clock.advance(5000) : undefined)
  const lastSeqThere = async (id: string) => {
    const there = await db.replica?.read(id, 0, (orm) => orm.select().from(sessions).limit(1))
    if (!there) await rested()
    return there?.last_seq ?? -1
  }
  // A new replica passes on what it is asked, until it follows: then it is behind at times.
  const marker = await openChat(db)
  await asking(async () => {
    const [seq = 0] = (await writer.append(appendOf(marker))).seqs
    const there = await lastSeqThere(marker.id)
    return there >= 0 && there < seq
  })
  const disposal = started.move()
  return {
    ...{ primary, wire, replica, db, warnings },
    /** The time for which a replica that failed is left alone passes. */
    rested,
    /** Says so many things; gives the session as it is then. */
    async say(chat: Session, count = 1): Promise<Session> {
      for (let said = 0; said < count; said++) await writer.append(questionOf(chat))
      return { ...chat, last_seq: chat.last_seq + count }
    },
    /** Resolves when the replica has this much of the chat. */
    caughtUp: ({ id, last_seq }: Session) => asking(async () => (await lastSeqThere(id)) >= last_seq),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  }
}

/** Asks until the answer is yes. */
async function asking(question: () => Promise<boolean>): Promise<void> {
  for (const until = performance.now() + 10_000; performance.now() < until; ) if (await question()) return
  throw new Error("the replica never came so far")
}

type Pair = Awaited<ReturnType<typeof openPair>>

/** The three large reads, each as the places of what it found. */
const reads: Record<string, (pair: Pair, chat: Session) => Promise<(number | null)[]>> = {
  replay: async ({ db }, { id, last_seq }) =>
    (await eventsSince(db, id, 1, 50, last_seq)).map(({ event }) => event.seq),
  snapshot: async ({ db }, { id, last_seq }) => {
    const snapshot = await snapshotOf(db, id, 4, last_seq)
    expect(snapshot.last_seq).toBeGreaterThanOrEqual(last_seq)
    return snapshot.messages.map(({ seq }) => seq)
  },
  "history page": async ({ db }, session) =>
    (await listMessages(db, session, {}, { order: "asc", after: 1, limit: 50 })).map(({ seq }) => seq),
}

describe.skipIf(noSqld !== null)("a replica", () => {
  test("that is up to date serves replay, snapshot and history while the primary says nothing; the rest does not", async () => {
    await using pair = await openPair()
    const chat = await pair.say(await openChat(pair.db), 5)
    await pair.caughtUp(chat)
    pair.primary.freeze()
    for (const read of Object.values(reads)) expect(await read(pair, chat)).toEqual([2, 3, 4, 5])
    // Without saying how far it must reach, and beyond what the replica has, only the primary will do.
    const asked = [undefined, 6].map((reaches) => eventsSince(pair.db, chat.id, 0, 50, reaches))
    for (const one of await Promise.allSettled(asked)) {
      expect(one).toMatchObject({ reason: { cause: { code: "store_unavailable" } } })
    }
    pair.primary.thaw()
  })

  test("that is behind is not believed: everything is read from the primary, until it has caught up", async () => {
    await using pair = await openPair()
    const before = await pair.say(await openChat(pair.db), 3)
    await pair.caughtUp(before)
    pair.wire.cut()
    const chat = await pair.say(before, 2)
    const near = await pair.db.replica?.read(chat.id, 3, (orm) => orm.select().from(messages))
    expect([near?.last_seq, near?.rows.length]).toEqual([3, 3])
    for (const read of Object.values(reads)) expect(await read(pair, chat)).toEqual([2, 3, 4, 5])
    // A chat that it has never heard of.
    const fresh = await openChat(pair.db)
    expect(await snapshotOf(pair.db, fresh.id, 50, 0)).toEqual({ last_seq: 0, messages: [] })
    expect(pair.warnings).toEqual([])
    pair.wire.mend()
    await pair.caughtUp(chat)
  })

  test("that is frozen costs a moment once, then nobody waits for it; later it is tried again", async () => {
    await using pair = await openPair()
    const before = await pair.say(await openChat(pair.db), 3)
    await pair.caughtUp(before)
    pair.replica.freeze()
    const chat = await pair.say(before, 2)
    const asked_at = performance.now()
    expect(await reads.replay?.(pair, chat)).toEqual([2, 3, 4, 5])
    expect(performance.now() - asked_at).toBeLessThan(2000)
    const again_at = performance.now()
    for (const read of Object.values(reads)) expect(await read(pair, chat)).toEqual([2, 3, 4, 5])
    expect(performance.now() - again_at).toBeLessThan(400)
    expect(pair.warnings).toHaveLength(1)

    pair.replica.thaw()
    await pair.rested()
    await pair.caughtUp(chat)
    pair.primary.freeze()
    expect(await reads.replay?.(pair, chat)).toEqual([2, 3, 4, 5])
    pair.primary.thaw()
  })

  test("that is frozen under two hundred readers at once holds none of them up for long", async () => {
    await using pair = await openPair(systemClock)
    const chat = await pair.say(await openChat(pair.db), 5)
    pair.replica.freeze()
    const asked_at = performance.now()
    const all = await Promise.all(Array.from({ length: 200 }, () => reads.replay?.(pair, chat)))
    expect(performance.now() - asked_at).toBeLessThan(3000)
    expect(all).toEqual(Array.from({ length: 200 }, () => [2, 3, 4, 5]))
    expect(pair.warnings).toHaveLength(1)
  })

  test("that is dead is no error for anybody", async () => {
    await using pair = await openPair()
    await pair.replica.kill()
    const chat = await pair.say(await openChat(pair.db), 5)
    for (const read of Object.values(reads)) expect(await read(pair, chat)).toEqual([2, 3, 4, 5])
    expect(pair.warnings).toHaveLength(1)
    await pair.replica.restart()
    await pair.rested()
    expect((await pair.db.replica?.read(chat.id, 5, (orm) => orm.select().from(events)))?.last_seq).toBe(5)
  })

  test("[P9.2] shows a page of messages to their owner alone", async () => {
    await using pair = await openPair()
    const chat = await pair.say(await openChat(pair.db), 5)
    await pair.caughtUp(chat)
    pair.primary.freeze()
    expect(await listMessages(pair.db, { ...chat, user_id: 2 }, {}, { order: "asc", limit: 50 })).toEqual([])
    pair.primary.thaw()
  })
})

test("a replica beside a file is refused, with a sentence", () => {
  const database = { replica_url: "http://127.0.0.1:1" }
  expect(() => openDatabase({ database, data_dir: "never-made" })).toThrow(
    /DATABASE_REPLICA_URL: a file has no replica/,
  )
})
