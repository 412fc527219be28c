// One statement of a batch: what it takes of each append, and what it does with it. The appends' part travels as one JSON
// parameter, so that there is one statement, however many appends there are.
import type { InStatement } from "@libsql/client"
import type { Append } from "./append.ts"
import { jsonParameter } from "./json.ts"

/** What a statement takes of each item, by the name under which it finds it in `a`; undefined is null there. */
export type Columns<Item> = Readonly<Record<string, (item: Item) => unknown>>

export interface StepOf<Item> {
  /** What an append has for it, and nothing of any append in a batch: the step is left out. `group`: see `Group`. */
  items(append: Append, group: Group): readonly Item[]
  readonly columns: Columns<Item>
  /** `a` has a row for each item. `given`: the columns that any item has something in. */
  readonly sql: string | ((given: ReadonlySet<string>) => string)
}

/** Appends that happen all or none: one of a chat, or several in a row that are `plain`. */
export type Group = readonly [Append, ...Append[]]

export type MakeStatement = (groups: readonly Group[]) => InStatement | undefined

/** For appends that have nothing for a step. */
export const none: readonly never[] = []

/**
 * The join to `s`, the session, of appends that were accepted: `s.last_seq` moves in the last statement only; until then
 * the event after it is there, `v`, or a guard did not hold.
 */
export const accepted = `from a
  join sessions s on s.id = a.session_id
  join events v on v.session_id = s.id and v.seq = s.last_seq + 1`

/** Few are ever used; as many as are kept prepared (file-connection.ts). */
const mostTexts = 100

export function step<Item>({ items: itemsOf, columns, sql }: StepOf<Item>): MakeStatement {
  const all = Object.entries(columns)
  const names = Object.keys(columns)
  // By the columns that are given: to make those of a batch anew took 25 us.
  const texts = new Map<string, string>()
  const textOf = (given: readonly string[]): string => {
    const key = given.join()
    const known = texts.get(key)
    if (known !== undefined) return known
    const text = `${rowsWith(names, given)}\n${typeof sql === "string" ? sql : sql(new Set(given))}`
    if (texts.size === mostTexts) texts.clear()
    texts.set(key, text)
    return text
  }
  return (groups) => {
    const items: Item[] = []
    for (const group of groups) for (const append of group) for (const item of itemsOf(append, group)) items.push(item)
    if (items.length === 0) return
    // What no item has is null without being looked for, which would take JSON.stringify (Bun 1.4) four times as long.
    const taken = all.filter(([, take]) => items.some((item) => (take(item) ?? null) !== null))
    const takes = taken.map(([, take]) => take)
    const rows = items.map((item) => takes.map((take) => take(item)))
    return { sql: textOf(taken.map(([name]) => name)), args: [jsonParameter(rows)] }
  }
}

/**
 * Arrays, since SQLite takes a third longer for objects; `materialized`, since it renders a json_each value anew each time
 * that it is named (3.45).
 */
function rowsWith(names: readonly string[], given: readonly string[]): string {
  const places = new Map(given.map((name, place) => [name, place]))
  const fields = names.map((name) => `${places.has(name) ? `value ->> ${places.get(name)}` : "null"} as ${name}`)
  return `with j as materialized (select value from json_each(?1)),\na as (select ${fields.join(", ")} from j)`
}
