import { expect, test } from "bun:test"
import { ownerFor, reachFor } from "../../src/auth/rights.ts"
import type { Principal } from "../../src/auth/token.ts"
import { ChatError } from "../../src/errors.ts"

const user: Principal = { user_id: 1, role: "user", expires_at: 0 }
const admin: Principal = { user_id: 9, role: "admin", expires_at: 0 }

function asked<T>(act: () => T): T | string {
  try {
    return act()
  } catch (error) {
    if (error instanceof ChatError) return error.code
    throw error
  }
}

test("a user asks about themselves only", () => {
  expect(asked(() => ownerFor(user, undefined))).toBe(1)
  expect(asked(() => ownerFor(user, 1))).toBe(1)
  expect(asked(() => ownerFor(user, 2))).toBe("forbidden")
  expect(asked(() => ownerFor(user, "all"))).toBe("forbidden")
})

test("an administrator asks about themselves, anybody, or everybody", () => {
  expect(ownerFor(admin, undefined)).toBe(9)
  expect(ownerFor(admin, 2)).toBe(2)
  expect(ownerFor(admin, "all")).toBe("anyone")
})

test("[P9.2] one session: a user reaches their own; the names they gave are theirs", () => {
  expect(reachFor(user, undefined)).toEqual({ owner: 1, named_by: 1 })
  expect(asked(() => reachFor(user, 2))).toBe("forbidden")
})

test("one session: an administrator reaches any by its id, with user_id those of that user by name too", () => {
  expect(reachFor(admin, undefined)).toEqual({ owner: "anyone", named_by: 9 })
  expect(reachFor(admin, 2)).toEqual({ owner: 2, named_by: 2 })
  expect(reachFor(admin, 9)).toEqual({ owner: 9, named_by: 9 })
})
