// Instances and what they run, for every kind of database: who lives, who is gone, and to whom a turn goes.
import { describe, expect, test } from "bun:test"
import type { Session } from "../../src/protocol/session.ts"
import type { Database } from "../../src/store/database.ts"
import { dropOwnLeases, renewLease, turnsOf } from "../../src/store/instances.ts"
import { type TakeOver, takeOver, takeStranded } from "../../src/store/take-over.ts"
import { releaseTurns, turnById } from "../../src/store/turns.ts"
import { everything } from "../support/database.ts"
import type { Opened } from "./append-property.ts"
import { appendOf, endOf, time, working } from "./appends.ts"

const now = Date.parse(time)
const request: TakeOver = { instance: "ins_new", now, from: "gone" }

/** An instance whose lease is over then. */
async function living(db: Database, instance: string, until = now) {
  await renewLease(db, instance, until)
}

const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).toSorted()

export function registerInstanceVerbs(kind: string, open: () => Promise<Opened>): void {
  describe(kind, () => {
    test("[promise 5] takeOver takes turns whose instance is gone, under a new generation, and no others", async () => {
      await using it = await open()
      await living(it.db, "ins_dead", now - 1)
      await living(it.db, "ins_alive")
      await living(it.db, "ins_new")
      const dead = await working(it.db, "ins_dead", 1)
      const never = await working(it.db, "ins_a_stranger")
      const alive = await working(it.db, "ins_alive", 1)
      const done = await working(it.db, "ins_dead")
      await done.writer.append(endOf(done.chat, done.turn))
      const taken = await takeOver(it.db, request)
      expect(ids(taken)).toEqual(ids([dead.turn, never.turn]))
      expect(taken.find(({ id }) => id === dead.turn.id)).toMatchObject({
        ...{ state: "running", instance: "ins_new", generation: 2, attempts: 2, lease_expires_at: null },
        ...{ session_id: dead.chat.id, answer_id: dead.turn.answer_id },
      })
      expect(await turnById(it.db, alive.turn.id)).toMatchObject({ instance: "ins_alive", generation: 1 })
      expect(await takeOver(it.db, request)).toEqual([])
    })

    test("[promise 5] the only instance of a database takes every running turn of others, and leaves its own", async () => {
      await using it = await open()
      await living(it.db, "ins_a", now + 60_000)
      const [one, other] = [await working(it.db, "ins_a"), await working(it.db, "ins_b", 0, now + 60_000)]
      const given = await working(it.db, "ins_a")
      await releaseTurns(it.db, [{ id: given.turn.id, generation: 1 }])
      await working(it.db, "ins_new")
      expect(ids(await takeOver(it.db, { ...request, from: "others" }))).toEqual(
        ids([one.turn, other.turn, given.turn]),
      )
      expect((await everything(it.db)).instances).toEqual([])
    })

    test("who cannot be sure that others had the time to renew their leases takes only what nobody has", async () => {
      await using it = await open()
      await living(it.db, "ins_dead", now - 1)
      const [, given] = [await working(it.db, "ins_dead"), await working(it.db, "ins_dead")]
      await releaseTurns(it.db, [{ id: given.turn.id, generation: 1 }])
      expect(ids(await takeOver(it.db, { ...request, from: "nobody" }))).toEqual([given.turn.id])
      expect((await everything(it.db)).instances).toMatchObject([{ id: "ins_dead" }])
    })

    test("a deposed instance writes nothing: its generation is over", async () => {
      await using it = await open()
      const { chat, writer, turn } = await working(it.db, "ins_old")
      await takeOver(it.db, request)
      const before = await everything(it.db)
      expect(await writer.append(endOf(chat, turn))).toEqual({ seqs: [] })
      const checkpoint = { turn_id: turn.id, generation: 1, text: "late", reasoning: "", checkpoint: null }
      expect(await writer.checkpoint(checkpoint)).toBe(false)
      expect(await everything(it.db)).toEqual(before)
      expect((await writer.append(endOf(chat, { ...turn, generation: 2 }))).seqs).toHaveLength(2)
    })

    test("two instances that race for the same turns: each turn goes to exactly one", async () => {
      await using it = await open()
      const names = ["ins_a", "ins_b", "ins_c"]
      for (const name of names) await living(it.db, name)
      const chats = await Promise.all(Array.from({ length: 6 }, () => working(it.db, "ins_dead")))
      const taken = await Promise.all(names.map((instance) => takeOver(it.db, { ...request, instance })))
      expect(ids(taken.flat())).toEqual(ids(chats.map(({ turn }) => turn)))
      for (const row of taken.flat()) expect(row.generation).toBe(2)
    })

    test("[promise 5] turnsOf tells of each turn that an instance has, and under which generation", async () => {
      await using it = await open()
      const mine = [await working(it.db, "ins_new", 1), await working(it.db, "ins_new")]
      const ended = await working(it.db, "ins_new")
      await ended.writer.append(endOf(ended.chat, ended.turn))
      const lost = await working(it.db, "ins_other")
      const [one, other] = mine.map(({ turn }) => turn.id)
      expect(await turnsOf(it.db, "ins_new")).toEqual(new Map([one, other].map((id) => [id ?? "", 1])))
      await living(it.db, "ins_new")
      await takeOver(it.db, request)
      expect((await turnsOf(it.db, "ins_new")).get(lost.turn.id)).toBe(2)
      expect(await turnsOf(it.db, "ins_other")).toEqual(new Map())
    })

    test("an instance takes nothing from itself, though somebody whose clock goes ahead has ended its lease", async () => {
      await using it = await open()
      await working(it.db, "ins_new")
      expect(await takeOver(it.db, request)).toEqual([])
    })

    test("those that are gone are forgotten, however many there were", async () => {
      await using it = await open()
      for (let number = 0; number < 5; number++) await living(it.db, `ins_${number}`, now - number)
      await living(it.db, "ins_new", now - 5)
      await takeOver(it.db, request)
      expect((await everything(it.db)).instances?.map(({ id }) => id).toSorted()).toEqual(["ins_0", "ins_new"])
    })

    test("a turn with a lease of its own is not taken before that is over, though its instance is gone", async () => {
      await using it = await open()
      const { turn } = await working(it.db, "ins_of_an_older_version", 0, now)
      expect(await takeOver(it.db, request)).toEqual([])
      expect(await takeOver(it.db, { ...request, now: now + 1 })).toMatchObject([
        { id: turn.id, generation: 2, lease_expires_at: null },
      ])
    })

    test("a lease of its own that is over takes no turn from an instance that lives, and is dropped", async () => {
      await using it = await open()
      const mine = await working(it.db, "ins_back_again", 0, now - 1)
      const other = await working(it.db, "ins_of_an_older_version", 0, now)
      await living(it.db, "ins_back_again")
      expect(await takeOver(it.db, request)).toEqual([])
      await dropOwnLeases(it.db, "ins_back_again")
      expect(await turnById(it.db, mine.turn.id)).toMatchObject({ lease_expires_at: null })
      expect(await turnById(it.db, other.turn.id)).toMatchObject({ lease_expires_at: now })
    })

    test("what an instance lets go of is taken at once, though it lives, and no longer its own", async () => {
      await using it = await open()
      const { turn } = await working(it.db, "ins_leaving", 0, now + 15_000)
      const stays = await working(it.db, "ins_leaving")
      await living(it.db, "ins_leaving", now + 15_000)
      await releaseTurns(it.db, [{ id: turn.id, generation: 2 }])
      expect(await takeOver(it.db, request)).toEqual([])
      await releaseTurns(it.db, [{ id: turn.id, generation: 1 }])
      // As older versions know it: its lease is over.
      expect(await turnById(it.db, turn.id)).toMatchObject({ instance: null, lease_expires_at: 0 })
      expect(await turnsOf(it.db, "ins_leaving")).toEqual(new Map([[stays.turn.id, 1]]))
      expect(await takeOver(it.db, request)).toMatchObject([{ id: turn.id, generation: 2, instance: "ins_new" }])
    })

    test("takeStranded takes the first in line of chats where nobody runs, each once", async () => {
      await using it = await open()
      const stranded = await working(it.db, "ins_dead", 2)
      await stranded.writer.append(endOf(stranded.chat, stranded.turn))
      await working(it.db, "ins_alive", 1)
      const races = await Promise.all(
        ["ins_a", "ins_b", "ins_c"].map((instance) => takeStranded(it.db, { ...request, instance })),
      )
      const taken = races.flat()
      expect(taken).toMatchObject([
        { id: stranded.line[0]?.id, state: "running", generation: 1, attempts: 1, start_time: time },
      ])
      const [row] = taken
      expect(races.findIndex((rows) => rows.length > 0)).toBe(["ins_a", "ins_b", "ins_c"].indexOf(row?.instance ?? ""))
    })

    test("a session whose stranded turn was taken is running again; one that has ended stays so", async () => {
      await using it = await open()
      const chats = [await working(it.db, "ins_dead", 1), await working(it.db, "ins_dead", 1)]
      const [one, gone] = chats
      if (!one || !gone) throw new Error("no chat")
      for (const { chat, writer, turn } of chats) await writer.append(endOf(chat, turn))
      await gone.writer.append(appendOf(gone.chat, { session: { state: "ended", lifecycle: "ended" } }))
      expect(await takeStranded(it.db, request)).toHaveLength(2)
      const { sessions = [] } = await everything(it.db)
      const stateOf = ({ id }: Session) => sessions.find((row) => row.id === id)?.state
      expect([stateOf(one.chat), stateOf(gone.chat)]).toEqual(["running", "ended"])
    })
  })
}
