// Finds what a person said or was told, the newest first. Only the terms of the owner are looked at, and the owner is in the
// WHERE as well. What the index says is held against the text: it may be a second behind.
import { type SQL, sql } from "drizzle-orm"
import type { Database } from "./database.ts"
import { messages, sessions } from "./schema.ts"
import { type Snippet, snippetOf } from "./search-snippet.ts"
import { queryOf, searchedUnits, wordsOf } from "./search-words.ts"

/** Times are ISO 8601 in UTC with milliseconds, of `create_time`; `since` is included, `until` is not. */
export interface Search {
  readonly owner: number
  readonly q: string
  readonly session_id?: string | undefined
  readonly flow_id?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly is_bot?: boolean | undefined
}

export interface Hit {
  readonly session_id: string
  readonly chat_id: string
  readonly flow_id: string
  readonly topic: string | null
  readonly message_id: string
  readonly seq: number
  readonly is_bot: boolean
  readonly create_time: string
  readonly snippet: Snippet
}

export interface Found {
  readonly items: Hit[]
  /** Go on after this place; null: that was all. */
  readonly next: number | null
}

/** Places that are looked at in one query, and queries of one search: a filter that little passes costs no more. */
const atOnce = 1000
const queries = 4

interface Row extends Omit<Hit, "snippet" | "is_bot"> {
  readonly looked: number
  readonly last: number
  readonly place: number | null
  readonly is_bot: number
  readonly text: string
}

/** One page; it may hold less than `limit`, or nothing, and yet not be the last. */
export async function searchMessages(
  db: Database,
  search: Search,
  { after, limit }: { readonly after?: number | undefined; readonly limit: number },
): Promise<Found> {
  const words = wordsOf(search.q)
  const match = queryOf(search.owner, words)
  const items: (Hit & { place: number })[] = []
  let before = after ?? Number.MAX_SAFE_INTEGER
  for (let asked = 0; match !== undefined && asked < queries; asked++) {
    const rows = await db.orm.all<Row>(candidates(search, match, { before, limit: limit + 1 }))
    const [{ looked, last } = { looked: 0, last: 0 }] = rows
    for (const { looked: _, last: __, place, text, is_bot, ...hit } of rows) {
      const snippet = place === null ? undefined : snippetOf(text, words)
      if (snippet && place !== null) items.push({ place, ...hit, is_bot: is_bot === 1, snippet })
    }
    if (items.length > limit) break
    const cut = rows.length > limit
    if (!cut && looked < atOnce) return { items: items.map(shown), next: null }
    before = (cut ? rows.at(-1)?.place : null) ?? last
  }
  if (match === undefined) return { items: [], next: null }
  const page = items.slice(0, limit)
  return { items: page.map(shown), next: items.length > limit ? (page.at(-1)?.place ?? null) : before }
}

function shown({ place: _, ...hit }: Hit & { place: number }): Hit {
  return hit
}

function candidates(search: Search, match: string, page: { readonly before: number; readonly limit: number }): SQL {
  return sql`with c as materialized (select rowid as place from search_index
    where search_index match ${match} and rowid < ${page.before} order by rowid desc limit ${atOnce}),
  h as materialized (select c.place, messages.session_id, messages.chat_id, messages.flow_id, sessions.topic,
    messages.id as message_id, messages.seq, messages.is_bot, messages.create_time,
    substr(messages.message, 1, ${searchedUnits}) as text
    from c cross join messages on messages.rowid = c.place cross join sessions on sessions.id = messages.session_id
    where ${chosenBy(search)} order by c.place desc limit ${page.limit})
  select n.looked, n.last, h.* from (select count(*) as looked, min(place) as last from c) n left join h on true
  order by h.place desc`
}

function chosenBy({ owner, session_id, flow_id, since, until, is_bot }: Search): SQL {
  const conditions = [
    sql`${sessions.user_id} = ${owner} and ${sessions.deleted_at} is null and ${messages.deleted_at} is null`,
    session_id === undefined ? [] : sql`${sessions.id} = ${session_id}`,
    flow_id === undefined ? [] : sql`${sessions.flow_id} = ${flow_id}`,
    since === undefined ? [] : sql`${messages.create_time} >= ${since}`,
    until === undefined ? [] : sql`${messages.create_time} < ${until}`,
    is_bot === undefined ? [] : sql`${messages.is_bot} = ${is_bot ? 1 : 0}`,
  ].flat()
  return sql.join(conditions, sql` and `)
}
