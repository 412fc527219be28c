// What an append changes on its session: its place in the log, its state, and what it says itself.
import type { Append } from "./append.ts"

/** What an append may say of its session; what no append of the batch says is not looked for. */
const said = {
  // `ended` is final. A session is `running` for as long as one of its turns is, whatever ended just now; and it waits for
  // input for as long as a question is open, also when a turn between did not ask it.
  state: (isSaid: boolean) => `state = case
    when state = 'ended' ${isSaid ? "or j.value ->> '$.session.state' = 'ended'" : ""} then 'ended'
    when exists (select 1 from turns t where t.session_id = sessions.id and t.state in ('queued', 'running')
      and +t.state = 'running') then 'running'
    ${
      isSaid
        ? `when j.value ->> '$.session.state' in ('completed', 'interrupted')
      and exists (select 1 from inputs i where i.session_id = sessions.id and i.closed_at is null) then 'waiting_input'
    else coalesce(j.value ->> '$.session.state', state)`
        : "else state"
    } end`,
  head: () => `head = case when json_type(j.value, '$.session.head') is null
    or j.value ->> '$.session.head_from' is not null and (head is not j.value ->> '$.session.head_from' or exists (
      select 1 from turns t where t.session_id = sessions.id and t.state in ('queued', 'running') and +t.message_id = head))
    then head else j.value ->> '$.session.head' end`,
  lifecycle: () =>
    "lifecycle = case when lifecycle = 'ended' then 'ended' else coalesce(j.value ->> '$.session.lifecycle', lifecycle) end",
  topic: () =>
    "topic = case when json_type(j.value, '$.session.topic') is null then topic else j.value ->> '$.session.topic' end",
  logo: () =>
    "logo = case when json_type(j.value, '$.session.logo') is null then logo else j.value ->> '$.session.logo' end",
  deleted_at: () => "deleted_at = coalesce(j.value ->> '$.session.deleted_at', deleted_at)",
}

/** Last of a batch's statements. `appends` and `accepted` as in append-statements.ts; gives back the sessions that were appended to. */
export function updateSessions(batch: readonly Append[], appends: string, accepted: string): string {
  const isSaid = (field: keyof typeof said) => batch.some(({ session }) => session?.[field] !== undefined)
  const fields = (Object.keys(said) as (keyof typeof said)[]).filter((field) => field === "state" || isSaid(field))
  return `${appends}
update sessions set last_seq = last_seq + json_array_length(j.value, '$.events'), update_time = j.value ->> 'create_time',
  ${fields.map((field) => said[field](isSaid(field))).join(",\n  ")}
from (select a.value ${accepted}) j where sessions.id = j.value ->> 'session_id'
returning id, last_seq`
}
