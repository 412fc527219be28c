// What an append changes on its session: its place in the log, its state, and what it says itself.
import type { Append } from "./append.ts"
import { none, step } from "./step.ts"

/** In a list, so that none and not said are two things. */
function listed(value: string | null | undefined): [string | null] | undefined {
  return value === undefined ? undefined : [value]
}

/**
 * Last of a batch's statements; gives back the sessions that were appended to. `ended` is final. A session is `running` for as
 * long as one of its turns is, whatever ended just now; and it waits for input for as long as a question is open, also when a
 * turn between did not ask it.
 */
export const updateSessions = step<{ append: Append; place: number }>({
  // Of a group the last has the last word.
  items: (append, group) => (append === group.at(-1) ? [{ append, place: group.length - 1 }] : none),
  columns: {
    session_id: ({ append }) => append.session_id,
    create_time: ({ append }) => append.create_time,
    more: ({ append: { events }, place }) => place + events.length - 1 || null,
    state: ({ append: { session } }) => session?.state,
    lifecycle: ({ append: { session } }) => session?.lifecycle,
    head: ({ append: { session } }) => listed(session?.head),
    head_from: ({ append: { session } }) => session?.head_from,
    topic: ({ append: { session } }) => listed(session?.topic),
    logo: ({ append: { session } }) => listed(session?.logo),
    deleted_at: ({ append: { session } }) => session?.deleted_at,
  },
  sql: `update sessions set last_seq = sessions.last_seq + 1 + coalesce(a.more, 0), update_time = a.create_time,
  state = case when sessions.state = 'ended' or a.state = 'ended' then 'ended'
    when exists (select 1 from turns t where t.session_id = sessions.id and t.state in ('queued', 'running')
      and +t.state = 'running') then 'running'
    when a.state in ('completed', 'interrupted')
      and exists (select 1 from inputs i where i.session_id = sessions.id and i.closed_at is null) then 'waiting_input'
    else coalesce(a.state, sessions.state) end,
  lifecycle = case when sessions.lifecycle = 'ended' then 'ended' else coalesce(a.lifecycle, sessions.lifecycle) end,
  head = case when a.head is null
    or a.head_from is not null and (sessions.head is not a.head_from or exists (
      select 1 from turns t where t.session_id = sessions.id and t.state in ('queued', 'running') and +t.message_id = sessions.head))
    then sessions.head else a.head ->> 0 end,
  topic = case when a.topic is null then sessions.topic else a.topic ->> 0 end,
  logo = case when a.logo is null then sessions.logo else a.logo ->> 0 end,
  deleted_at = coalesce(a.deleted_at, sessions.deleted_at)
from a where sessions.id = a.session_id
  and exists (select 1 from events v where v.session_id = sessions.id and v.seq = sessions.last_seq + 1)
returning id, last_seq`,
})
