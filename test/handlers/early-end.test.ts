// What a service sends faster than anybody reads it, or without ever coming to the end of a line.
import { expect, test } from "bun:test"
import { endEarly } from "../../src/handlers/early-end.ts"
import { turnOfTheLoop } from "../support/clock.ts"

const mega = 1024 * 1024

/** Sends the chunk for ever; `sent` counts the megabytes that were taken. */
function endless(chunk: Uint8Array<ArrayBuffer>) {
  const seen = { sent: 0, cancelled: false }
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      seen.sent += 1
      // Else the test itself would run for ever.
      if (seen.sent > 200) controller.close()
      else controller.enqueue(chunk)
    },
    cancel() {
      seen.cancelled = true
    },
  })
  return { seen, body }
}

test("what is not read waits at the service, beyond 16 MiB", async () => {
  const { seen, body } = endless(new Uint8Array(mega).fill(10))
  const reader = endEarly(body, () => undefined).getReader()
  for (let turn = 0; turn < 300; turn++) await turnOfTheLoop()
  expect(seen.sent).toBeLessThan(20)
  for (let read = 0; read < 50; read++) expect((await reader.read()).value?.length).toBe(mega)
  expect(seen.sent).toBeGreaterThan(50)
  expect(seen.sent).toBeLessThan(70)
  await reader.cancel()
  expect(seen.cancelled).toBe(true)
})

test("a line of more than 8 MiB is given up, and it is said", async () => {
  const { seen, body } = endless(new Uint8Array(mega).fill(65))
  const faults: unknown[] = []
  const chunks = await Array.fromAsync(endEarly(body, (fault) => faults.push(fault)))
  expect(chunks.length).toBeLessThan(10)
  expect(faults.map(String)).toEqual(["Error: the service sent a line of more than 8388608 bytes"])
  expect(seen.cancelled).toBe(true)
})
