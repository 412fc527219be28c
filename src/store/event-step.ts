// The events of appends: where their guards are looked at. Whatever a guard refuses leaves no event, and the other steps
// pass it over (`accepted` in step.ts).
import type { Append, NewEvent } from "./append.ts"
import { conditions } from "./guard-conditions.ts"
import { jsonParameter } from "./json.ts"
import { type Columns, step } from "./step.ts"

interface Item {
  readonly append: Append
  readonly event: NewEvent
  /** Among those of its append. */
  readonly place: number
}

const guards = Object.values(conditions)

function ofAppend([name, take]: [string, Columns<Append>[string]]): [string, Columns<Item>[string]] {
  return [name, ({ append }) => take(append)]
}

export const insertEvents = step<Item>({
  items: (append) => append.events.map((event, place) => ({ append, event, place })),
  columns: {
    session_id: ({ append }) => append.session_id,
    trace_id: ({ append }) => append.trace_id,
    create_time: ({ append }) => append.create_time,
    place: ({ place }) => place || null,
    kind: ({ event }) => event.kind,
    ref: ({ event }) => event.ref,
    data: ({ event }) => (event.data === null ? null : jsonParameter(event.data)),
    // Of a chat that is deleted, what still runs there has the last word.
    ends: ({ append: { end_turn, guard } }) => (end_turn && end_turn.id === guard.fence?.turn_id ? true : null),
    ...Object.fromEntries(guards.flatMap(({ takes }) => Object.entries(takes).map(ofAppend))),
  },
  // With those guards alone that any append of the batch has: to pass all by takes a fifth of the statement's time.
  sql: (given) => `insert into events (session_id, seq, kind, ref, data, trace_id, create_time)
select s.id, s.last_seq + 1 + coalesce(a.place, 0), a.kind, a.ref, a.data, a.trace_id, a.create_time
from a join sessions s on s.id = a.session_id
where (s.deleted_at is null or a.ends)
${guards
  .filter(({ takes }) => Object.keys(takes).some((name) => given.has(name)))
  .map(({ holds }) => `and ${holds}`)
  .join("\n")}`,
})
