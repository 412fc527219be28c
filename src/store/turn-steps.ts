// What appends do to the turns of their chats.
import type { Append } from "./append.ts"
import { jsonParameter } from "./json.ts"
import { accepted, none, step } from "./step.ts"

export const endTurns = step<{ append: Append; end: NonNullable<Append["end_turn"]> }>({
  items: (append) => (append.end_turn ? [{ append, end: append.end_turn }] : none),
  columns: {
    session_id: ({ append }) => append.session_id,
    create_time: ({ append }) => append.create_time,
    id: ({ end }) => end.id,
    state: ({ end }) => end.state,
    error: ({ end }) => end.error,
    // Of any kind, a text as well: as JSON, in which it is kept.
    checkpoint: ({ end }) => (end.checkpoint === undefined ? undefined : jsonParameter(end.checkpoint)),
  },
  sql: `update turns set state = j.state, end_time = j.create_time, error = j.error,
  checkpoint = coalesce(j.checkpoint, turns.checkpoint), partial_text = '', partial_reasoning = ''
from (select a.* ${accepted}) j where turns.id = j.id`,
})

export const stopTurns = step<Append>({
  items: (append) => (append.stop_turn === undefined ? none : [append]),
  columns: {
    session_id: ({ session_id }) => session_id,
    create_time: ({ create_time }) => create_time,
    id: ({ stop_turn }) => stop_turn,
  },
  sql: `update turns set stop_requested_at = j.create_time from (select a.* ${accepted}) j where turns.id = j.id`,
})

export const dropTurns = step<Append>({
  items: (append) => (append.drop_turns ? [append] : none),
  columns: {
    session_id: ({ session_id }) => session_id,
    create_time: ({ create_time }) => create_time,
    ids: ({ drop_turns }) => drop_turns,
  },
  sql: `update turns set state = 'interrupted', end_time = d.at
from (select t.value as id, a.create_time as at ${accepted} join json_each(a.ids) t) d where turns.id = d.id`,
})

export const mergeTurns = step<{ append: Append; merge: NonNullable<Append["merge"]> }>({
  items: (append) => (append.merge ? [{ append, merge: append.merge }] : none),
  columns: {
    session_id: ({ append }) => append.session_id,
    id: ({ merge }) => merge.turn_id,
    message_id: ({ merge }) => merge.message_id,
  },
  sql: `update turns set merged = json_insert(coalesce(turns.merged, '[]'), '$[#]', j.message_id)
from (select a.* ${accepted}) j where turns.id = j.id`,
})

/** The idle chat's new turn is running at once: one commit, not two, between a question and the bot. */
export const insertTurns = step<{ append: Append; turn: NonNullable<Append["new_turn"]>; place: number }>({
  items: (append, group) =>
    append.new_turn ? [{ append, turn: append.new_turn, place: group.indexOf(append) }] : none,
  columns: {
    session_id: ({ append }) => append.session_id,
    trace_id: ({ append }) => append.trace_id,
    create_time: ({ append }) => append.create_time,
    id: ({ turn }) => turn.id,
    message_id: ({ turn }) => turn.message_id,
    merged: ({ turn }) => turn.merged,
    answer_id: ({ turn }) => turn.answer_id,
    language: ({ turn }) => turn.language,
    instance: ({ turn }) => turn.instance,
    lease_expires_at: ({ turn }) => turn.lease_expires_at,
    // Behind others of its group it waits.
    place: ({ place }) => place || null,
  },
  // `materialized`: else it is looked for six times whether the chat is idle.
  sql: `, n as materialized (select a.*, v.seq + coalesce(a.place, 0) as seq,
  a.place is null and not exists (select 1 from turns t where t.session_id = s.id and t.state in ('queued', 'running')) as idle ${accepted})
insert into turns (id, session_id, message_id, merged, seq, answer_id, language, trace_id, create_time,
  state, instance, lease_expires_at, generation, attempts, start_time)
select n.id, n.session_id, n.message_id, n.merged, n.seq, n.answer_id, n.language, n.trace_id, n.create_time,
  case when n.idle then 'running' else 'queued' end, case when n.idle then n.instance end,
  case when n.idle then n.lease_expires_at end, n.idle, n.idle, case when n.idle then n.create_time end
from n
returning id, state`,
})

/** The next in line is taken. */
export const claimTurns = step<{ append: Append; claim: NonNullable<Append["claim"]> }>({
  items: (append) => (append.claim ? [{ append, claim: append.claim }] : none),
  columns: {
    session_id: ({ append }) => append.session_id,
    create_time: ({ append }) => append.create_time,
    instance: ({ claim }) => claim.instance,
    lease_expires_at: ({ claim }) => claim.lease_expires_at,
  },
  sql: `update turns set state = 'running', generation = turns.generation + 1, attempts = turns.attempts + 1,
  instance = j.instance, lease_expires_at = j.lease_expires_at, start_time = j.create_time
from (select a.* ${accepted}) j
where turns.id = (select q.id from turns q where q.session_id = j.session_id and q.state in ('queued', 'running')
  order by q.seq limit 1) and turns.state = 'queued'
returning session_id, id`,
})
