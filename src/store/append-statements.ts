// Appends as statements: many appends, of different chats, travel as one JSON parameter and take one statement per table,
// however many they are.
import type { InStatement } from "@libsql/client"
import type { Append } from "./append.ts"
import { threadStatements } from "./graph-statements.ts"
import { conditions, type Guarded } from "./guard-conditions.ts"
import { jsonParameter } from "./json.ts"
import { ratingStatements } from "./rating-statements.ts"
import { updateSessions } from "./session-statement.ts"

// SQLite renders a json_each value anew each time it is named (3.45): without `materialized` a batch takes three times as long.
const appends = "with a as materialized (select value from json_each(?1))"

// `s.last_seq` moves in the last statement only. Until then an append was accepted if the event after it is there.
const accepted = `from a
  join sessions s on s.id = a.value ->> 'session_id'
  join events v on v.session_id = s.id and v.seq = s.last_seq + 1`

const ratings = ratingStatements(appends, accepted)

/** With the conditions that this batch needs: looking for those that it does not takes a third of the statement's time. */
function insertEvents(given: Given): string {
  const needed = (Object.keys(conditions) as (keyof Guarded)[]).filter((name) => given.has(name))
  return `${appends}
insert into events (session_id, seq, kind, ref, data, trace_id, create_time)
select s.id, s.last_seq + 1 + e.key, e.value ->> 'kind', e.value ->> 'ref', nullif(e.value -> 'data', 'null'),
  a.value ->> 'trace_id', a.value ->> 'create_time'
from a
join sessions s on s.id = a.value ->> 'session_id'
join json_each(a.value, '$.events') e
where (s.deleted_at is null or a.value ->> '$.end_turn.id' = a.value ->> '$.guard.fence.turn_id')
${needed.map((name) => `and ${conditions[name]}`).join("\n")}`
}

const always = [
  "id",
  "session_id",
  "chat_id",
  "flow_id",
  "chat_type",
  "user_id",
  "is_bot",
  "kind",
  "state",
  "create_time",
]
/** Left out where all messages of a batch have what a row has by itself: to look for them takes a tenth of the statement's time. */
const often = ["message", "extra", "source", "turn_id", "client_id", "liked", "deleted_at"] as const

// The answer that the conversation has come to, given or still to come: of the turn that is open for the question in `head`
// (it may be asked once more), else of its own.
const headAnswer = `coalesce(
  (select t.answer_id from turns t where t.session_id = s.id and t.state in ('queued', 'running') and +t.message_id = s.head
    order by t.seq desc limit 1),
  (select iif(h.is_bot, h.id, t.answer_id) from messages h left join turns t on t.id = h.turn_id where h.id = s.head))`

const followed = `case when m.value ->> 'follows' is null then m.value ->> 'reply_to'
  when m.value ->> 'follows' = 'head' then iif(s.head is null, null, ${headAnswer})
  else (select t.answer_id from inputs i join turns t on t.id = i.turn_id where i.id = m.value ->> 'follows') end`

function insertMessages(batch: readonly Append[]): string {
  const messages = batch.flatMap((append) => append.messages)
  // An empty text is not none.
  const columns = [...always, ...often.filter((column) => messages.some((message) => (message[column] ?? 0) !== 0))]
  return `with m as materialized (select value from json_each(?1))
insert into messages (${columns.join(", ")}, reply_to, parts, usage, seq)
select ${columns.map((column) => `m.value ->> '${column}'`).join(", ")},
  ${followed}, m.value -> 'parts', ${messages.some(({ usage }) => usage) ? "nullif(m.value -> 'usage', 'null')" : "null"}, x.seq
from m
join sessions s on s.id = m.value ->> 'session_id'
join events x on x.session_id = s.id and x.seq > s.last_seq and x.ref = m.value ->> 'id' and x.kind in ('message', 'result')`
}

const endTurns = `${appends}
update turns set state = j.value ->> '$.end_turn.state', end_time = j.value ->> 'create_time',
  error = nullif(j.value -> '$.end_turn.error', 'null'), checkpoint = coalesce(j.value -> '$.end_turn.checkpoint', checkpoint),
  partial_text = '', partial_reasoning = ''
from (select a.value ${accepted}) j where turns.id = j.value ->> '$.end_turn.id'`

const stopTurns = `${appends}
update turns set stop_requested_at = j.value ->> 'create_time'
from (select a.value ${accepted}) j where turns.id = j.value ->> 'stop_turn'`

const dropTurns = `${appends}
update turns set state = 'interrupted', end_time = d.at
from (select t.value as id, a.value ->> 'create_time' as at ${accepted} join json_each(a.value, '$.drop_turns') t) d
where turns.id = d.id`

const mergeTurns = `${appends}
update turns set merged = json_insert(coalesce(merged, '[]'), '$[#]', j.value ->> '$.merge.message_id')
from (select a.value ${accepted}) j where turns.id = j.value ->> '$.merge.turn_id'`

const editMessages = `${appends}
update messages set message = j.value ->> '$.edit_message.message', parts = j.value -> '$.edit_message.parts'
from (select a.value ${accepted}) j where messages.id = j.value ->> '$.edit_message.id'`

// The idle chat's new turn is running at once: one commit, not two, between a question and the bot.
const insertTurns = `${appends},
n as materialized (select a.value ->> '$.new_turn.id' as id, s.id as session_id,
  a.value ->> '$.new_turn.message_id' as message_id, nullif(a.value -> '$.new_turn.merged', 'null') as merged, v.seq as seq, a.value ->> '$.new_turn.answer_id' as answer_id,
  a.value ->> '$.new_turn.language' as language, a.value ->> 'trace_id' as trace_id, a.value ->> 'create_time' as create_time,
  a.value ->> '$.new_turn.instance' as instance, a.value ->> '$.new_turn.lease_expires_at' as lease_expires_at,
  not exists (select 1 from turns t where t.session_id = s.id and t.state in ('queued', 'running')) as idle
  ${accepted} where a.value ->> '$.new_turn.id' is not null)
insert into turns (id, session_id, message_id, merged, seq, answer_id, language, trace_id, create_time,
  state, instance, lease_expires_at, generation, attempts, start_time)
select n.id, n.session_id, n.message_id, n.merged, n.seq, n.answer_id, n.language, n.trace_id, n.create_time,
  case when n.idle then 'running' else 'queued' end, case when n.idle then n.instance end,
  case when n.idle then n.lease_expires_at end, n.idle, n.idle, case when n.idle then n.create_time end
from n
returning session_id, state, (select q.reply_to from messages q where q.id = message_id) as reply_to`

const claimTurns = `${appends}
update turns set state = 'running', generation = generation + 1, attempts = attempts + 1,
  instance = j.value ->> '$.claim.instance', lease_expires_at = j.value ->> '$.claim.lease_expires_at',
  start_time = j.value ->> 'create_time'
from (select a.value ${accepted} where a.value ->> '$.claim.instance' is not null) j
where turns.id = (select q.id from turns q where q.session_id = j.value ->> 'session_id' and q.state in ('queued', 'running')
  order by q.seq limit 1) and turns.state = 'queued'
returning session_id, id`

const insertInputs = `${appends}
insert into inputs (id, session_id, turn_id, prompt, fields, expires_at, create_time)
select a.value ->> '$.new_input.id', s.id, a.value ->> '$.new_input.turn_id', a.value ->> '$.new_input.prompt',
  a.value -> '$.new_input.fields', a.value ->> '$.new_input.expires_at', a.value ->> 'create_time'
${accepted} where a.value ->> '$.new_input.id' is not null`

const answerInputs = `${appends}
update inputs set answered_by = j.value ->> '$.answer_input.message_id', closed_at = j.value ->> 'create_time'
from (select a.value ${accepted}) j where inputs.id = j.value ->> '$.answer_input.id'`

// A new question takes the place of the one before, and nobody is asked anything any more when the time is over or the
// session has ended.
const closeInputs = `${appends}
update inputs set closed_at = j.value ->> 'create_time'
from (select a.value ${accepted} where a.value ->> '$.new_input.id' is not null or a.value ->> 'expire_input' is not null
  or a.value ->> 'close_question' is not null or a.value ->> '$.session.state' = 'ended') j
where inputs.session_id = j.value ->> 'session_id' and inputs.closed_at is null`

const deleteMessages = `${appends}
update messages set deleted_at = d.at
from (select s.id as session_id, m.value as id, a.value ->> 'create_time' as at ${accepted}
  join json_each(a.value, '$.delete_messages') m) d
where messages.id = d.id and +messages.session_id = d.session_id and messages.deleted_at is null`

// What a graph kept of a chat goes with it (handlers/graph/position.ts: each turn has a thread of its own).
const threadsGone = threadStatements(`${appends} select t.id ${accepted} join turns t on t.session_id = s.id
  where a.value ->> '$.session.deleted_at' is not null`)

/** What the appends of a batch say and ask for, by name; `ended` and `gone`: that a session is from now on. */
type Given = ReadonlySet<keyof Append | keyof Guarded | "ended" | "gone">

function givenIn(batch: readonly Append[]): Given {
  const given = new Set<string>()
  for (const append of batch) {
    for (const name in append) if (append[name as keyof Append] !== undefined) given.add(name)
    for (const name in append.guard) given.add(name)
    if (append.session?.state === "ended") given.add("ended")
    if (append.session?.deleted_at !== undefined) given.add("gone")
  }
  if (batch.every(({ messages }) => messages.length === 0)) given.delete("messages")
  return given as Given
}

interface StepOf {
  readonly sql: string | ((batch: readonly Append[], given: Given) => string)
  /** What makes it necessary. */
  readonly for: readonly (Given extends ReadonlySet<infer Name> ? Name : never)[]
}

export type Step = keyof typeof steps

// In this order; a step is left out when no append of the batch needs it.
const steps = {
  events: { sql: (_, given) => insertEvents(given), for: ["events"] },
  messages: { sql: insertMessages, for: ["messages"] },
  end: { sql: endTurns, for: ["end_turn"] },
  stop: { sql: stopTurns, for: ["stop_turn"] },
  drops: { sql: dropTurns, for: ["drop_turns"] },
  merges: { sql: mergeTurns, for: ["merge"] },
  turns: { sql: insertTurns, for: ["new_turn"] },
  claims: { sql: claimTurns, for: ["claim"] },
  close: { sql: closeInputs, for: ["new_input", "expire_input", "close_question", "ended"] },
  inputs: { sql: insertInputs, for: ["new_input"] },
  answers: { sql: answerInputs, for: ["answer_input"] },
  edits: { sql: editMessages, for: ["edit_message"] },
  counters: { sql: ratings.count, for: ["rate_message", "delete_messages"] },
  counters_told: { sql: ratings.tell, for: ["rate_message", "delete_messages"] },
  ratings: { sql: ratings.rate, for: ["rate_message"] },
  deletions: { sql: deleteMessages, for: ["delete_messages"] },
  edits_gone: { sql: ratings.forget, for: ["delete_messages"] },
  questions_gone: { sql: ratings.unask, for: ["delete_messages"] },
  threads: { sql: threadsGone.checkpoints, for: ["gone"] },
  thread_writes: { sql: threadsGone.writes, for: ["gone"] },
  sessions: { sql: (batch) => updateSessions(batch, appends, accepted), for: ["events"] },
} satisfies Record<string, StepOf>

/** The statements of one batch. No two appends may be of the same session: numbers and guards count on it. */
export function appendStatements(batch: readonly Append[]): { step: Step; statement: InStatement }[] {
  // Each statement reads the whole parameter, so the bodies, which are most of it, go to the one that stores them. The others
  // have one array together: what goes to the file's thread is copied, an object once.
  const bodies = [jsonParameter(batch.flatMap(({ messages }) => messages))]
  const heads = [jsonParameter(batch.map((append) => ({ ...append, messages: undefined })))]
  const given = givenIn(batch)
  return (Object.entries(steps) as [Step, StepOf][])
    .filter(([, needed]) => needed.for.some((name) => given.has(name)))
    .map(([step, { sql }]) => {
      const args = step === "messages" ? bodies : heads
      return { step, statement: { sql: typeof sql === "string" ? sql : sql(batch, given), args } }
    })
}
