import { expect, test } from "bun:test"
import { retryAfter } from "../../src/handlers/model-error.ts"

const now = Date.UTC(2026, 0, 1, 12, 0, 0)

test.each([
  [{ "retry-after-ms": "250" }, 250],
  [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
  [{ "retry-after": "7" }, 7000],
  [{ "retry-after": "0.5" }, 500],
  [{ "retry-after": "Thu, 01 Jan 2026 12:00:30 GMT" }, 30_000],
  [{ "retry-after": "Thu, 01 Jan 2026 11:00:00 GMT" }, 0],
  [{ "retry-after-ms": "soon", "retry-after": "3" }, 3000],
  [{ "retry-after": "" }, undefined],
  [{ "retry-after": "later" }, undefined],
  [{}, undefined],
] as [Record<string, string>, number | undefined][])("%j asks to wait %p ms", (headers, wait) => {
  expect(retryAfter(headers, now)).toBe(wait)
})
