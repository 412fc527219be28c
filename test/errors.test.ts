// The one table of errors, held against the protocol's page.
import { expect, test } from "bun:test"
import { ChatError, errorCodes, errorTable } from "../src/errors.ts"

const protocol = await Bun.file(new URL("../src/protocol/PROTOCOL.md", import.meta.url)).text()
const rows = Object.entries(errorTable)

test("[P8.1] every close code of the table is on the protocol's page, in its range: 40xx come back, 45xx do not", () => {
  const listed = new Set(Array.from(protocol.matchAll(/^\| (4\d\d\d) \|/gm), ([, code]) => Number(code)))
  for (const [code, { close }] of rows) {
    if (close === null) continue
    expect([code, listed.has(close)]).toEqual([code, true])
    expect((close >= 4000 && close < 4100) || (close >= 4500 && close < 4600)).toBe(true)
  }
})

test("[P8.1] what may succeed when it is tried again never closes the socket for good", () => {
  for (const [code, { close, retry }] of rows)
    if (retry) expect([code, close === null || close < 4500]).toEqual([code, true])
})

test("the status is one of a refusal, and says the same as `retry` where HTTP has a word for it", () => {
  for (const [code, { http, retry }] of rows) {
    expect(http).toBeGreaterThanOrEqual(400)
    expect(http).toBeLessThan(600)
    // 503: come back later.
    if (http === 503) expect([code, retry]).toEqual([code, true])
    // Wrong, not allowed, not there: the same again will not do.
    if ([400, 401, 403, 404, 405, 410, 413].includes(http)) expect([code, retry]).toEqual([code, false])
  }
})

test("a ChatError carries its row, its parameters and its cause", () => {
  const cause = new Error("disk full")
  const error = new ChatError("store_unavailable", { cause, params: { a: 1 }, retry_after_ms: 5 })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: "ChatError", code: "store_unavailable", params: { a: 1 }, retry_after_ms: 5 })
  expect(error.row).toEqual({ http: 503, close: null, retry: true })
  expect(error.cause).toBe(cause)
  expect(new ChatError("busy")).toMatchObject({ params: {}, retry_after_ms: undefined, cause: undefined })
})

test("[P9.3] whatever else is thrown becomes `internal`, with what it was as the cause", () => {
  const error = new ChatError("busy")
  expect(ChatError.from(error)).toBe(error)
  for (const thrown of [new TypeError("x"), "text", undefined, null, { code: "busy" }]) {
    const made = ChatError.from(thrown)
    expect(made.code).toBe("internal")
    expect(made.cause).toBe(thrown)
    expect(made.message).toBe("internal")
  }
})

test("[P9.1] the list of codes is the table's", () => {
  expect<string[]>(errorCodes).toEqual(rows.map(([code]) => code))
})
