// Keyset pages. A cursor names the last entry of a page and the list that it is a place in: another owner, filter or order is
// another list. It is opaque to clients and grants nothing: whose rows are read is decided by the token, each time.
import { createHash } from "node:crypto"
import { z } from "zod"
import { ChatError } from "../errors.ts"

/** What makes a list this list: its route, owner and filters. */
export type List = readonly unknown[]

/** The place in `list` that a cursor stands for; undefined = the beginning. Throws `bad_request` for a cursor that is not of this list. */
export function placeOf<T>(list: List, position: z.ZodType<T>, cursor: string | undefined): T | undefined {
  if (cursor === undefined) return undefined
  const result = z.tuple([z.literal(tagOf(list)), position]).safeParse(parse(cursor))
  if (!result.success) throw badCursor()
  return result.data[1]
}

export function badCursor(): ChatError {
  return new ChatError("bad_request", { params: { problem: "cursor" } })
}

/** A page out of `rows`, which hold one entry more than `limit` when there is a next page. */
export function pageOf<T>(list: List, rows: readonly T[], limit: number, positionOf: (row: T) => unknown) {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const next_cursor = last !== undefined && rows.length > limit ? cursorAt(list, positionOf(last)) : null
  return { items, next_cursor }
}

/** The cursor of what comes after this place in the list. */
export function cursorAt(list: List, position: unknown): string {
  return encode([tagOf(list), position])
}

function tagOf(list: List): string {
  return createHash("sha256").update(JSON.stringify(list)).digest("base64url").slice(0, 16)
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url")
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString())
  } catch {
    throw badCursor()
  }
}
