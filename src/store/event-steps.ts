// The events of appends. Guards are looked at with the first: whatever a guard refuses leaves no event, and the other steps
// pass it over (`accepted` in step.ts).
import type { Append, NewEvent } from "./append.ts"
import { conditions } from "./guard-conditions.ts"
import { jsonParameter } from "./json.ts"
import { accepted, type Columns, type Group, none, step } from "./step.ts"

interface Item {
  readonly append: Append
  readonly event: NewEvent
}

interface First extends Item {
  readonly group: Group
}

interface Later extends Item {
  /** Among those of its group; more than 0. */
  readonly place: number
}

const columns: Columns<Item> = {
  session_id: ({ append }) => append.session_id,
  trace_id: ({ append }) => append.trace_id,
  create_time: ({ append }) => append.create_time,
  kind: ({ event }) => event.kind,
  ref: ({ event }) => event.ref,
  data: ({ event }) => (event.data === null ? null : jsonParameter(event.data)),
}

const guards = Object.values(conditions)

function ofGroup([name, take]: [string, Columns<Group>[string]]): [string, Columns<First>[string]] {
  return [name, ({ group }) => take(group)]
}

export const insertFirstEvents = step<First>({
  items: (append, group) => {
    const [event] = append === group[0] ? append.events : none
    return event ? [{ append, event, group }] : none
  },
  columns: {
    ...columns,
    // Of a chat that is deleted, what still runs there has the last word.
    ends: ({ append: { end_turn, guard } }) => (end_turn && end_turn.id === guard.fence?.turn_id ? true : null),
    ...Object.fromEntries(guards.flatMap(({ takes }) => Object.entries(takes).map(ofGroup))),
  },
  // With those guards alone that any append of the batch has: to pass all by takes a fifth of the statement's time.
  sql: (given) => `insert into events (session_id, seq, kind, ref, data, trace_id, create_time)
select s.id, s.last_seq + 1, a.kind, a.ref, a.data, a.trace_id, a.create_time
from a join sessions s on s.id = a.session_id
where (s.deleted_at is null or a.ends)
${guards
  .filter(({ takes }) => Object.keys(takes).some((name) => given.has(name)))
  .map(({ holds }) => `and ${holds}`)
  .join("\n")}`,
})

export const insertLaterEvents = step<Later>({
  items: (append, group) => {
    const before = group.indexOf(append)
    return append.events.map((event, at) => ({ append, event, place: before + at })).filter(({ place }) => place > 0)
  },
  columns: { ...columns, place: ({ place }) => place },
  sql: `insert into events (session_id, seq, kind, ref, data, trace_id, create_time)
select s.id, v.seq + a.place, a.kind, a.ref, a.data, a.trace_id, a.create_time ${accepted}`,
})
