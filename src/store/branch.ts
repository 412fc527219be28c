// One branch of a conversation, read from its end backwards (P6.12): a turn's question says which answer it follows.
import { type SQL, sql } from "drizzle-orm"
import type { Message } from "../protocol/message.ts"
import type { Database } from "./database.ts"
import { merged } from "./merged.ts"

type Spoken = Pick<Message, "id" | "kind" | "message" | "parts">

export interface Exchange {
  readonly question: Spoken
  readonly answer: Spoken
}

export interface Branch {
  /** Complete exchanges, oldest first: nothing interrupted, failed or deleted. */
  readonly history: readonly Exchange[]
  /** What a handler left last on this branch; null: nothing. */
  readonly checkpoint: unknown
}

/** The last `limit` exchanges up to this answer, and what the handler left. Reads no more the longer the log is. */
export async function branchBefore(
  db: Database,
  session_id: string,
  answer_id: string | null,
  limit: number,
): Promise<Branch> {
  if (answer_id === null) return { history: [], checkpoint: null }
  const branch = branchOf(session_id, answer_id, limit)
  const [history, checkpoint] = await Promise.all([
    limit > 0 ? exchanges(db, branch, limit) : [],
    lastCheckpoint(db, branch),
  ])
  return { history, checkpoint }
}

/** Turns that were stopped or that failed are on the way as well: so many are looked at for `limit` exchanges. */
const stepsFor = (limit: number) => 4 * limit + 16

/** The turn of an answer. One that was never given bears the name that its turn gave it (ids.ts). */
const turnOf = (answer: SQL) =>
  sql`coalesce((select m.turn_id from messages m where m.id = ${answer}), 'trn_' || substr(${answer}, 5))`

/** The turns of a branch, the last one first. `cross join`: SQLite keeps to the order in which it is written. */
function branchOf(session_id: string, answer_id: string, limit: number): SQL {
  return sql`with recursive branch (turn_id, depth) as (
  select t.id, 1 from turns t where t.id = ${turnOf(sql`${answer_id}`)} and t.session_id = ${session_id}
  union all
  select ${turnOf(sql`q.reply_to`)}, b.depth + 1
  from branch b
  cross join turns t on t.id = b.turn_id
  cross join messages q on q.id = t.message_id
  where q.reply_to is not null and b.depth < ${stepsFor(limit)})`
}

const spoken = (of: "q" | "a") =>
  sql.raw(`json_object('id', ${of}.id, 'kind', ${of}.kind, 'message', ${of}.message, 'parts', json(${of}.parts))`)

async function exchanges(db: Database, branch: SQL, limit: number): Promise<Exchange[]> {
  const rows = await db.orm.all<{ question: string; gone: number; answer: string; merged: string | null }>(sql`${branch}
select ${spoken("q")} as question, q.deleted_at is not null as gone, ${spoken("a")} as answer, t.merged as merged
from branch b
cross join turns t on t.id = b.turn_id and t.state in ('completed', 'waiting_input')
cross join messages q on q.id = t.message_id and (q.deleted_at is null or exists (select 1 from json_each(t.merged) e
  join messages m on m.id = e.value and m.deleted_at is null))
cross join messages a on a.id = t.answer_id and a.deleted_at is null
order by b.depth limit ${limit}`)
  return Promise.all(
    rows.reverse().map(async (row) => {
      const question: Spoken = JSON.parse(row.question)
      const answer: Spoken = JSON.parse(row.answer)
      return { question: await withMerged(db, question, row.gone === 1, row.merged), answer }
    }),
  )
}

/** Few turns have more than one message. Of one that is gone, what joined it is left, under its name. */
async function withMerged(db: Database, question: Spoken, gone: boolean, ids: string | null): Promise<Spoken> {
  if (ids === null) return question
  const rows = await db.orm.all<{ later: string }>(sql`select ${spoken("q")} as later from messages q
where q.id in (select value from json_each(${ids})) and q.deleted_at is null order by q.seq`)
  const later = rows.map((row) => JSON.parse(row.later) as Spoken)
  const [first = question, ...rest] = gone ? later : [question, ...later]
  return { ...merged(first, rest), id: question.id }
}

async function lastCheckpoint(db: Database, branch: SQL): Promise<unknown> {
  const [row] = await db.orm.all<{ checkpoint: string }>(sql`${branch}
select t.checkpoint as checkpoint from branch b
cross join turns t on t.id = b.turn_id and t.checkpoint is not null
order by b.depth limit 1`)
  return row ? JSON.parse(row.checkpoint) : null
}
