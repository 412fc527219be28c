// What must hold for an append to happen, as SQL.
import type { Append } from "./append.ts"
import type { Columns, Group } from "./step.ts"

interface Condition {
  /** Undefined in all of them: nothing asks for it. */
  readonly takes: Columns<Group>
  /** Of `a`, the appends, and `s`, their session; true where they do not ask. */
  readonly holds: string
}

type Guarded = Append["guard"] & Pick<Append, "delete_messages" | "drop_turns" | "expire_input" | "rate_message">

const isOpen = "t.state in ('queued', 'running')"

export const conditions: Readonly<Record<keyof Guarded, Condition>> = {
  open: {
    takes: { open: ([{ guard }]) => guard.open },
    holds: "(a.open is null or s.state <> 'ended')",
  },
  once: {
    takes: {
      once_user: (group) => group.find(({ guard }) => guard.once)?.guard.once?.user_id,
      once_client: (group) => (group.length === 1 ? group[0].guard.once?.client_id : undefined),
      once_clients: (group) =>
        group.length === 1 ? undefined : group.flatMap(({ guard }) => guard.once?.client_id ?? []),
    },
    holds: `(a.once_client is null or not exists (select 1 from messages m where m.session_id = s.id
  and m.user_id = a.once_user and m.client_id = a.once_client))
  and (a.once_clients is null or not exists (select 1 from json_each(a.once_clients) c where exists (select 1
  from messages m where m.session_id = s.id and m.user_id = a.once_user and m.client_id = c.value)))`,
  },
  fence: {
    takes: {
      fence_turn: ([{ guard }]) => guard.fence?.turn_id,
      fence_generation: ([{ guard }]) => guard.fence?.generation,
    },
    holds: `(a.fence_turn is null or exists (select 1 from turns t where t.id = a.fence_turn and t.session_id = s.id
  and t.state = 'running' and t.generation = a.fence_generation))`,
  },
  queued: {
    takes: { queued: ([{ guard }]) => guard.queued },
    holds: `(a.queued is null or exists (select 1 from turns t where t.id = a.queued and t.session_id = s.id
  and t.state = 'queued'))`,
  },
  joinable: {
    takes: {
      joinable_turn: ([{ guard }]) => guard.joinable?.turn_id,
      joinable_user: ([{ guard }]) => guard.joinable?.user_id,
      joinable_role: ([{ guard }]) => guard.joinable?.role,
    },
    holds: `(a.joinable_turn is null or exists (select 1 from turns t join messages m on m.id = t.message_id
  where t.id = a.joinable_turn and t.session_id = s.id and t.state = 'queued' and m.user_id = a.joinable_user and m.turn_id = t.id
  and coalesce((select v.data ->> 'role' from events v where v.session_id = s.id and v.seq = m.seq), 'user') = a.joinable_role
  and not exists (select 1 from json_each(m.parts) p where p.value ->> 'type' = 'input')))`,
  },
  stoppable: {
    takes: { stoppable: ([{ guard }]) => guard.stoppable },
    holds: `(a.stoppable is null or exists (select 1 from turns t where t.id = a.stoppable and t.session_id = s.id
  and ${isOpen} and t.stop_requested_at is null))`,
  },
  line: {
    takes: { line: ([{ guard }]) => guard.line },
    holds: `(a.line is null or (json_array_length(a.line) = (select count(*) from turns t where t.session_id = s.id and ${isOpen})
  and not exists (select 1 from turns t where t.session_id = s.id and ${isOpen}
  and t.id not in (select value from json_each(a.line)))))`,
  },
  base_seq: {
    takes: { base_seq: ([{ guard }]) => guard.base_seq },
    holds: `(a.base_seq is null or not exists (select 1 from messages m where m.session_id = s.id and m.seq > a.base_seq))`,
  },
  after: {
    takes: {
      after_user: ([{ guard }]) => guard.after?.user_id,
      after_clients: ([{ guard }]) => guard.after?.client_ids,
    },
    holds: `(a.after_user is null or not exists (select 1 from json_each(a.after_clients) c where not exists (select 1
  from messages m where m.session_id = s.id and m.user_id = a.after_user and m.client_id = c.value)))`,
  },
  untouched: {
    takes: {
      untouched: ([{ guard }]) => guard.untouched?.ref,
      untouched_since: ([{ guard }]) => guard.untouched?.since,
    },
    holds: `(a.untouched is null or not exists (select 1 from events v where v.session_id = s.id and v.kind = 'status'
  and v.ref = a.untouched and v.seq > a.untouched_since))`,
  },
  revised_once: {
    takes: { revised_once: ([{ guard }]) => guard.revised_once },
    holds: `(a.revised_once is null or not exists (select 1 from events v where v.session_id = s.id and v.kind = 'status'
  and v.data ->> '$.client_id' = a.revised_once))`,
  },
  untitled: {
    takes: { untitled: ([{ guard }]) => guard.untitled },
    holds: "(a.untitled is null or s.topic is null)",
  },
  question: {
    takes: { question: ([{ guard }]) => guard.question },
    holds: `(a.question is null or exists (select 1 from inputs i where i.id = a.question and i.session_id = s.id
  and i.closed_at is null and (i.expires_at is null or i.expires_at > a.create_time)))`,
  },
  answer: {
    takes: { answer: ([{ guard }]) => guard.answer },
    holds: `(a.answer is null or exists (select 1 from messages m where m.id = a.answer and m.session_id = s.id
  and m.is_bot and m.turn_id is not null) or exists (select 1 from turns t
  where t.id = 'trn_' || substr(a.answer, 5) and t.session_id = s.id and t.answer_id = a.answer))`,
  },
  max_open_turns: {
    takes: { max_open_turns: fewestOpen },
    holds: `(a.max_open_turns is null or (select count(*) from turns t where t.session_id = s.id and ${isOpen}) <= a.max_open_turns)`,
  },
  expire_input: {
    takes: { expire_input: ([{ expire_input }]) => expire_input },
    holds: `(a.expire_input is null or exists (select 1 from inputs i where i.id = a.expire_input and i.session_id = s.id
  and i.closed_at is null and i.expires_at <= a.create_time))`,
  },
  drop_turns: {
    takes: { drop_turns: ([{ drop_turns }]) => drop_turns },
    holds: `(a.drop_turns is null or not exists (select 1 from json_each(a.drop_turns) d
  where (select t.state from turns t where t.id = d.value and t.session_id = s.id) is not 'queued'))`,
  },
  delete_messages: {
    takes: { delete_messages: ([{ delete_messages }]) => delete_messages },
    holds: `(a.delete_messages is null or exists (select 1 from json_each(a.delete_messages) d
  join messages m on m.id = d.value where +m.session_id = s.id and m.deleted_at is null))`,
  },
  // Nothing may be said about a message that is gone.
  rate_message: {
    takes: { rate_message: ([{ rate_message }]) => rate_message?.id },
    holds: `(a.rate_message is null or exists (select 1 from messages m where m.id = a.rate_message
  and +m.session_id = s.id and m.deleted_at is null))`,
  },
}

/** For each of them those before it have turns that are open. */
function fewestOpen(group: Group): number | undefined {
  const most = group.map(({ guard }, place) => (guard.max_open_turns ?? Number.MAX_SAFE_INTEGER) - place)
  const fewest = Math.min(...most)
  return fewest > Number.MAX_SAFE_INTEGER / 2 ? undefined : fewest
}
