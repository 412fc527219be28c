// A conversation from its beginning on, page by page: the branch of the head, or all there is.
import { and, eq, isNull, type SQL, sql } from "drizzle-orm"
import { z } from "zod"
import { type Clock, othersFirst } from "../clock.ts"
import type { Message } from "../protocol/message.ts"
import type { Session } from "../protocol/session.ts"
import { stepsBack } from "./branch-messages.ts"
import type { Database } from "./database.ts"
import { listMessages } from "./messages.ts"
import { rowOf } from "./row-json.ts"
import { messages } from "./schema.ts"

const message = rowOf(messages, "id")
const Places = z.array(z.int())
const pageSize = 50
/** Steps of a branch that are looked up at once. */
const stride = 200

type Of = Pick<Session, "id" | "user_id" | "last_seq" | "head">

/** Everything that was said, in the order of seq. Of a session that the caller was found to reach. */
export async function* wholeChat(db: Database, session: Of): AsyncGenerator<Message[]> {
  let after = 0
  for (;;) {
    const page = await listMessages(db, session, {}, { order: "asc", after, limit: pageSize })
    const last = page.at(-1)
    if (!last) return
    yield page
    after = last.seq
  }
}

/** The branch of the head. It is known by its end: a number for each message is kept on the way back, and no more. */
export async function* activeBranch(db: Database, session: Of, clock: Pick<Clock, "soon">): AsyncGenerator<Message[]> {
  const backwards: number[] = []
  for (let after: string | undefined, more = true; more; ) {
    const steps = await stepsOf(db, session, after)
    for (const { own, joined } of steps.slice(0, stride))
      backwards.push(...placesOf(joined).toReversed(), ...placesOf(own))
    after = steps[stride - 1]?.id
    more = steps.length > stride
    await othersFirst(clock)
  }
  for (let end = backwards.length; end > 0; end -= pageSize) {
    const page = await bySeq(db, session.id, backwards.slice(Math.max(0, end - pageSize), end).reverse())
    if (page.length > 0) yield page
  }
}

/** Steps back from the head, or from what `after` follows, with the places of each: its own, and of what joined it. */
function stepsOf(db: Database, { id: session_id, head }: Of, after: string | undefined) {
  const places = (of: SQL) =>
    sql`(select json_group_array(seq) from (select j.seq as seq from ${of} and j.session_id = ${session_id} order by j.seq))`
  return db.orm.all<{ id: string; own: string; joined: string }>(sql`${stepsBack({ head, after }, stride)}
select p.id as id, ${places(sql`messages j left join turns t on t.id = j.turn_id
    where j.id = p.id and (j.is_bot or t.message_id is null or t.message_id = j.id)`)} as own,
  ${places(sql`messages m cross join turns t on t.id = m.turn_id and t.message_id = m.id cross join json_each(t.merged) e
    cross join messages j on j.id = e.value where m.id = p.id and not m.is_bot`)} as joined
from path p where p.id is not null order by p.depth`)
}

function placesOf(json: string): number[] {
  return Places.parse(JSON.parse(json))
}

async function bySeq(db: Database, session_id: string, seqs: readonly number[]): Promise<Message[]> {
  const there = and(
    eq(messages.session_id, session_id),
    sql`${messages.seq} in (select value from json_each(${JSON.stringify(seqs)}))`,
    isNull(messages.deleted_at),
  )
  const rows = await db.orm.select({ message }).from(messages).where(there)
  const found = new Map(rows.map((row) => [row.message.seq, row.message]))
  return seqs.flatMap((seq) => found.get(seq) ?? [])
}
