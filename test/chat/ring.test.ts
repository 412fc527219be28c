// The newest events, kept so that most returning clients are served without the store.
import { expect, test } from "bun:test"
import { Ring } from "../../src/chat/ring.ts"

function ringOf(from: number, to: number, text = (seq: number) => `event ${seq}`): Ring {
  const ring = new Ring()
  for (let seq = from; seq <= to; seq++) ring.push(seq, text(seq))
  return ring
}

const seqs = (ring: Ring, cursor: number, limit = 1000) => ring.since(cursor, limit)?.map(({ seq }) => seq)

test("gives what comes after a cursor, as it was pushed, at most so many", () => {
  const ring = ringOf(5, 9)
  expect(ring.since(7, 10)).toEqual([
    { seq: 8, text: "event 8" },
    { seq: 9, text: "event 9" },
  ])
  expect(seqs(ring, 4)).toEqual([5, 6, 7, 8, 9])
  expect(seqs(ring, 4, 2)).toEqual([5, 6])
  expect(seqs(ring, 9)).toEqual([])
})

test("[promise 4] is silent when it does not reach back to the cursor: never partly", () => {
  expect(seqs(ringOf(5, 9), 3)).toBeUndefined()
  expect(seqs(ringOf(5, 9), 0)).toBeUndefined()
  expect(seqs(new Ring(), 0)).toBeUndefined()
})

test("keeps the newest 256 events", () => {
  const ring = ringOf(1, 1000)
  expect(seqs(ring, 743)).toBeUndefined()
  expect(seqs(ring, 744)?.length).toBe(256)
})

test("keeps 256 Ki characters at most, but always the newest event, however long it is", () => {
  const long = ringOf(1, 10, () => "x".repeat(100_000))
  expect(seqs(long, 7)).toBeUndefined()
  expect(seqs(long, 8)).toEqual([9, 10])
  const huge = ringOf(1, 3, (seq) => "x".repeat(seq * 300_000))
  expect(seqs(huge, 2)).toEqual([3])
  // Room is counted anew once the long ones have gone.
  for (let seq = 4; seq < 104; seq++) huge.push(seq, "short")
  expect(seqs(huge, 3)?.length).toBe(100)
})

test("[P4.3] forgets everything when told to, and goes on from there", () => {
  const ring = ringOf(1, 5)
  ring.clear()
  expect(seqs(ring, 4)).toBeUndefined()
  expect(seqs(ring, 5)).toBeUndefined()
  ring.push(6, "event 6")
  expect(seqs(ring, 5)).toEqual([6])
  expect(seqs(ring, 4)).toBeUndefined()
})
