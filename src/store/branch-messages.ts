// The messages of one branch (P6.12), page by page, from its end backwards: cost goes by the page, not by the log.
import { asc, inArray, type SQL, sql } from "drizzle-orm"
import type { Message } from "../protocol/message.ts"
import type { Database } from "./database.ts"
import { rowOf } from "./row-json.ts"
import { messages } from "./schema.ts"

const message = rowOf(messages, "id")

/** What a message follows; an answer that was never given follows the question of its turn. */
const before = (id: string) => `coalesce((select m.reply_to from messages m where m.id = ${id}),
  (select t.message_id from turns t where t.id = 'trn_' || substr(${id}, 5)))`

export interface BranchPage {
  /** The message to begin with. */
  readonly head: string | null
  /** Begin with what this one follows, instead. */
  readonly after?: string | undefined
  readonly limit: number
}

/** `path (id, depth)`: the message, what it follows, and so on, `limit` and one more. The last one may be null. */
export function stepsBack({ head, after }: Omit<BranchPage, "limit">, limit: number): SQL {
  const first = after === undefined ? sql`${head}` : sql`${sql.raw(before("p.id"))}`
  return sql`with recursive path (id, depth) as (
  select ${first}, 1 from (select ${after ?? head} as id) p
  union all
  select ${sql.raw(before("p.id"))}, p.depth + 1 from path p where p.id is not null and p.depth <= ${limit})`
}

/** Is this message on the way back from `head`? Looked for so many steps and no more. */
export async function isOnBranch(db: Database, head: string | null, id: string, steps = 1000): Promise<boolean> {
  if (head === null || head === id) return head === id
  const rows = await db.orm.all(sql`${stepsBack({ head }, steps)} select 1 from path p where p.id = ${id} limit 1`)
  return rows.length > 0
}

/**
 * At most `limit` messages, newest first, of a chat that the caller was found to reach; with each question those that joined
 * it, which count with it. Deleted ones are left out, and count too.
 */
export async function branchMessages(
  db: Database,
  session_id: string,
  { head, after, limit }: BranchPage,
): Promise<{ readonly items: Message[]; readonly next: string | null }> {
  const path = await db.orm.all<{
    id: string
    turn_merged: string | null
    joined: number
  }>(sql`${stepsBack({ head, after }, limit)}
select p.id as id, t.merged as turn_merged, t.message_id is not null and t.message_id <> p.id as joined
from path p left join messages m on m.id = p.id and not m.is_bot left join turns t on t.id = m.turn_id
where p.id is not null order by p.depth`)
  const page = path.slice(0, limit)
  // One that joined another is read with that one, which is the next step.
  const groups = page.flatMap(({ id, turn_merged, joined }) =>
    joined ? [] : [[id, ...(turn_merged ? (JSON.parse(turn_merged) as string[]) : [])].reverse()],
  )
  const rows = await db.orm
    .select({ message })
    .from(messages)
    .where(inArray(messages.id, sql`(select value from json_each(${JSON.stringify(groups.flat())}))`))
    .orderBy(asc(messages.seq))
  const found = new Map(rows.map((row) => [row.message.id, row.message]))
  // By the branch and not by the log: an answer that was given again may be younger than what follows it elsewhere.
  const items = groups.flat().flatMap((id) => found.get(id) ?? [])
  return {
    items: items.filter((each) => each.session_id === session_id && !each.deleted_at),
    next: path.length > limit ? (page.at(-1)?.id ?? null) : null,
  }
}
