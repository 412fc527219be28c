// What must hold for an append to happen, as SQL.
import type { Append } from "./append.ts"
import { isRatable } from "./rating-statements.ts"

export type Guarded = Append["guard"] & Pick<Append, "delete_messages" | "drop_turns" | "expire_input" | "rate_message">

/** By what of an append asks for it. `a.value` is the append, `s` its session. */
export const conditions: Record<keyof Guarded, string> = {
  open: `(a.value ->> '$.guard.open' is null or s.state <> 'ended')`,
  once: `(a.value ->> '$.guard.once.client_id' is null or not exists (select 1 from messages m where m.session_id = s.id
  and m.user_id = a.value ->> '$.guard.once.user_id' and m.client_id = a.value ->> '$.guard.once.client_id'))`,
  fence: `(a.value ->> '$.guard.fence.turn_id' is null or exists (select 1 from turns t where t.id = a.value ->> '$.guard.fence.turn_id'
  and t.session_id = s.id and t.state = 'running' and t.generation = a.value ->> '$.guard.fence.generation'))`,
  queued: `(a.value ->> '$.guard.queued' is null or exists (select 1 from turns t where t.id = a.value ->> '$.guard.queued'
  and t.session_id = s.id and t.state = 'queued'))`,
  joinable: `(a.value ->> '$.guard.joinable.turn_id' is null or exists (select 1 from turns t join messages m on m.id = t.message_id
  where t.id = a.value ->> '$.guard.joinable.turn_id' and t.session_id = s.id and t.state = 'queued'
  and m.user_id = a.value ->> '$.guard.joinable.user_id' and m.turn_id = t.id
  and coalesce((select v.data ->> 'role' from events v where v.session_id = s.id and v.seq = m.seq), 'user') = a.value ->> '$.guard.joinable.role'
  and not exists (select 1 from json_each(m.parts) p where p.value ->> 'type' = 'input')))`,
  stoppable: `(a.value ->> '$.guard.stoppable' is null or exists (select 1 from turns t where t.id = a.value ->> '$.guard.stoppable'
  and t.session_id = s.id and t.state in ('queued', 'running') and t.stop_requested_at is null))`,
  line: `(a.value -> '$.guard.line' is null or (json_array_length(a.value, '$.guard.line') = (select count(*) from turns t
  where t.session_id = s.id and t.state in ('queued', 'running')) and not exists (select 1 from turns t
  where t.session_id = s.id and t.state in ('queued', 'running') and t.id not in (select value from json_each(a.value, '$.guard.line')))))`,
  base_seq: `(a.value ->> '$.guard.base_seq' is null or not exists (select 1 from messages m where m.session_id = s.id
  and m.seq > a.value ->> '$.guard.base_seq'))`,
  after: `(a.value -> '$.guard.after' is null or not exists (select 1 from json_each(a.value, '$.guard.after.client_ids') c
  where not exists (select 1 from messages m where m.session_id = s.id
  and m.user_id = a.value ->> '$.guard.after.user_id' and m.client_id = c.value)))`,
  untouched: `(a.value ->> '$.guard.untouched.ref' is null or not exists (select 1 from events v where v.session_id = s.id
  and v.kind = 'status' and v.ref = a.value ->> '$.guard.untouched.ref' and v.seq > a.value ->> '$.guard.untouched.since'))`,
  revised_once: `(a.value ->> '$.guard.revised_once' is null or not exists (select 1 from events v where v.session_id = s.id
  and v.kind = 'status' and v.data ->> '$.client_id' = a.value ->> '$.guard.revised_once'))`,
  untitled: `(a.value ->> '$.guard.untitled' is null or s.topic is null)`,
  question: `(a.value ->> '$.guard.question' is null or exists (select 1 from inputs i where i.id = a.value ->> '$.guard.question'
  and i.session_id = s.id and i.closed_at is null and (i.expires_at is null or i.expires_at > a.value ->> 'create_time')))`,
  answer: `(a.value ->> '$.guard.answer' is null or exists (select 1 from messages m where m.id = a.value ->> '$.guard.answer'
  and m.session_id = s.id and m.is_bot and m.turn_id is not null) or exists (select 1 from turns t
  where t.id = 'trn_' || substr(a.value ->> '$.guard.answer', 5) and t.session_id = s.id and t.answer_id = a.value ->> '$.guard.answer'))`,
  expire_input: `(a.value ->> 'expire_input' is null or exists (select 1 from inputs i where i.id = a.value ->> 'expire_input'
  and i.session_id = s.id and i.closed_at is null and i.expires_at <= a.value ->> 'create_time'))`,
  max_open_turns: `(a.value ->> '$.guard.max_open_turns' is null or (select count(*) from turns t where t.session_id = s.id
  and t.state in ('queued', 'running')) <= a.value ->> '$.guard.max_open_turns')`,
  drop_turns: `(a.value -> '$.drop_turns' is null or not exists (select 1 from json_each(a.value, '$.drop_turns') d
  where (select t.state from turns t where t.id = d.value and t.session_id = s.id) is not 'queued'))`,
  delete_messages: `(a.value ->> '$.delete_messages' is null or exists (select 1 from json_each(a.value, '$.delete_messages') d
  join messages m on m.id = d.value where +m.session_id = s.id and m.deleted_at is null))`,
  rate_message: isRatable,
}
