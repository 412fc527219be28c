// Leases of many turns at once: nobody who talks waits for them.
import { expect, test } from "bun:test"
import { keepLeases, leaseFor } from "../../src/chat/leases.ts"
import { systemClock } from "../../src/clock.ts"
import { newId } from "../../src/ids.ts"
import type { Database } from "../../src/store/database.ts"
import { turnById } from "../../src/store/turns.ts"
import { Writer } from "../../src/store/writer.ts"
import { openChat, questionOf } from "../store/appends.ts"
import { FakeClock } from "../support/clock.ts"
import { openTestDatabase, watched } from "../support/database.ts"

async function scene() {
  const files = await openTestDatabase()
  const db = watched(files)
  const clock = new FakeClock()
  const hurry = new AbortController()
  const deps = { db, clock, instance: "ins_here", hurry: hurry.signal }
  const writer = new Writer(files, systemClock)
  const running = async () => {
    const question = questionOf(await openChat(files))
    await writer.append({ ...question, new_turn: { ...question.new_turn, instance: "ins_here", lease_expires_at: 1 } })
    return question.new_turn.id
  }
  return { db, clock, hurry, deps, running, [Symbol.asyncDispose]: () => files[Symbol.asyncDispose]() }
}

const others = (count: number) => Array.from({ length: count }, () => newId("turn"))

test("the leases of many turns are renewed a hundred at a time, spread over two seconds, and those that are held are told", async () => {
  await using it = await scene()
  const [first, last] = [await it.running(), await it.running()]
  const began = it.clock.now()
  const keeping = keepLeases(it.deps, [first, ...others(398), last])
  for (let renewed = 1; renewed < 4; renewed++) {
    while (it.clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
    await it.clock.advance(499)
    expect(it.db.single).toHaveLength(renewed)
    await it.clock.advance(1)
  }
  expect(await keeping).toEqual(new Set([first, last]))
  expect(it.db.single).toHaveLength(4)
  expect(await turnById(it.db, first)).toMatchObject({ lease_expires_at: began + leaseFor })
  expect(await turnById(it.db, last)).toMatchObject({ lease_expires_at: began + 1500 + leaseFor })
})

test("an instance that ends does not wait between them", async () => {
  await using it = await scene()
  const last = await it.running()
  const keeping = keepLeases(it.deps, [...others(999), last])
  it.hurry.abort()
  expect(await keeping).toEqual(new Set([last]))
  expect(it.clock.waiting).toBe(0)
})

test("however many leases there are, the last ones do not wait for more than twenty round trips", async () => {
  await using it = await scene()
  const last = await it.running()
  it.hurry.abort()
  expect(await keepLeases(it.deps, [...others(4999), last])).toEqual(new Set([last]))
  expect(it.db.single).toHaveLength(20)
})

test("where the store fails for a moment, the leases behind are renewed all the same, and nobody is taken for deposed", async () => {
  await using it = await scene()
  const [first, last] = [await it.running(), await it.running()]
  it.hurry.abort()
  const keeping = keepLeases({ ...it.deps, db: failingOnce(it.db) }, [first, ...others(99), last])
  expect(await keeping.catch(String)).toContain("the store is away")
  expect(await turnById(it.db, first)).toMatchObject({ lease_expires_at: 1 })
  expect(await turnById(it.db, last)).toMatchObject({ lease_expires_at: it.clock.now() + leaseFor })
})

function failingOnce(db: Database): Database {
  let failed = false
  const orm = new Proxy(db.orm, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      return (...given: unknown[]) => {
        if (failed) return Reflect.apply(value, target, given)
        failed = true
        throw new Error("the store is away")
      }
    },
  })
  return { ...db, orm }
}
