// Keeps the search index behind the log: takes the events after a mark, some at a time, and moves the mark in the same
// commit, so each is taken once, whoever dies or does the same beside us. Storing a message costs nothing for it.
import { sql } from "drizzle-orm"
import type { Database } from "./database.ts"
import { jsonParameter } from "./json.ts"
import { indexed, searchedUnits } from "./search-words.ts"

/** Events in one step; and UTF-16 units of text, though one message may have more. */
const most = { events: 50, units: 200_000 }
/** Messages of a deleted chat that leave the index in one step. */
const swept = 500

export interface IndexerIdentity {
  readonly instance: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Until then the others leave the index to us. */
  readonly lease_expires_at: number
}

/** `idle`: all that there was is in it. `foreign`: another instance is at it. `more`: there may be more to do. */
export type Step = "idle" | "foreign" | "more"

interface State {
  readonly mark: number
  readonly swept_seq: number
  readonly holder: string | null
  readonly lease_expires_at: number
  /** The event at the mark is the one that was taken then. */
  readonly fits: number
  readonly behind: number
}

interface Entry {
  readonly place: number
  readonly session_id: string
  readonly seq: number
  /** The message that the event is about, where its text is to be indexed as it is now. */
  readonly message: number | null
  readonly user_id: number
  readonly text: string | null
  /** JSON: messages that were deleted. */
  readonly deleted_messages: string | null
  readonly deleted_chat: number
}

/** Does one bounded piece of the work. */
export async function indexNext(db: Database, identity: IndexerIdentity): Promise<Step> {
  const state = await readState(db)
  if (state.fits && !state.behind) return "idle"
  if (state.holder !== identity.instance && state.lease_expires_at > identity.now) return "foreign"
  if (!state.fits) {
    await startAnew(db, state)
    return "more"
  }
  const found = await entriesAfter(db, state.mark)
  await take(db, identity, state, found)
  return isFull(found) ? "more" : "idle"
}

/** There may be more behind it. Else what comes next is gathered for a while: a step for each message took a tenth of a core. */
function isFull(found: readonly Entry[]): boolean {
  const units = found.reduce((sum, { text }) => sum + (text?.length ?? 0), 0)
  return found.length === most.events || units >= most.units || found.some(({ deleted_chat }) => deleted_chat)
}

async function readState(db: Database): Promise<State> {
  const [state] = await db.orm.all<State>(sql`select mark, swept_seq, holder, lease_expires_at,
    mark = 0 or exists (select 1 from events e where e.rowid = mark and e.session_id = mark_session and e.seq = mark_seq) as fits,
    exists (select 1 from events e where e.rowid > mark) as behind
    from search_state`)
  if (!state) throw new Error("the search index has lost its state")
  return state
}

/** The rows are not those that the index was made from: somebody brought back an older or another copy of them. */
async function startAnew(db: Database, { mark }: State): Promise<void> {
  await db.client.batch(
    [
      {
        sql: "insert into search_index (search_index) select 'delete-all' from search_state where mark = ?1",
        args: [mark],
      },
      {
        sql: "update search_state set mark = 0, mark_session = null, mark_seq = null, swept_seq = 0 where mark = ?1",
        args: [mark],
      },
    ],
    "write",
  )
}

function entriesAfter(db: Database, mark: number): Promise<Entry[]> {
  return db.orm.all<Entry>(sql`with e as materialized (
    select rowid as place, session_id, seq, data, case when kind in ('message', 'result')
      or (kind = 'status' and json_type(data, '$.edited_message') is not null) then ref end as ref,
      kind = 'status' and json_type(data, '$.deleted_messages') is not null as deletes,
      kind = 'status' and exists (select 1 from json_each(data, '$.changed') where value = 'deleted') as deleted_chat
    from events where rowid > ${mark} order by rowid limit ${most.events}),
  sized as materialized (select e.*, sum(coalesce(min(length(m.message), ${searchedUnits}), 0)) over (order by place
    rows between unbounded preceding and 1 preceding) as before
    from e left join messages m on m.id = e.ref)
  select z.place, z.session_id, z.seq, m.rowid as message, s.user_id, z.deleted_chat,
    case when m.deleted_at is null and s.deleted_at is null then substr(m.message, 1, ${searchedUnits}) end as text,
    case when z.deletes then z.data -> '$.deleted_messages' end as deleted_messages
  from sized z join sessions s on s.id = z.session_id left join messages m on m.id = z.ref
  where coalesce(z.before, 0) < ${most.units} order by z.place`)
}

async function take(db: Database, identity: IndexerIdentity, state: State, found: readonly Entry[]): Promise<void> {
  const end = found.findIndex(({ deleted_chat }) => deleted_chat)
  // A deleted chat is taken out alone: it may hold more than one step can.
  const entries = end === -1 ? found : found.slice(0, Math.max(1, end))
  const last = entries.at(-1)
  if (!last) throw new Error("the log has events that cannot be read")
  if (last.deleted_chat) return sweep(db, identity, state, last)
  const texts = new Map<number, string>()
  const gone = new Set<number>()
  for (const { message, user_id, text } of entries) {
    if (message === null) continue
    if (text) texts.set(message, indexed(user_id, text))
    else gone.add(message)
  }
  const documents = [...texts].map(([id, terms]) => ({ id, terms }))
  const deleted = entries.flatMap(({ deleted_messages }) => deleted_messages ?? [])
  await db.client.batch(
    [
      {
        // Or replace: the text of one that waited in line may have been changed (P6.10).
        sql: `insert or replace into search_index (rowid, terms) select value ->> 'id', value ->> 'terms'
          from json_each(?1) where (select mark from search_state) = ?2`,
        args: [jsonParameter(documents), state.mark],
      },
      {
        sql: `delete from search_index where rowid in (select value from json_each(?1) union
          select m.rowid from json_each(?2) list join json_each(list.value) one join messages m on m.id = one.value)
          and (select mark from search_state) = ?3`,
        args: [JSON.stringify([...gone]), `[${deleted.join(",")}]`, state.mark],
      },
      moved(identity, state, { mark: last.place, mark_session: last.session_id, mark_seq: last.seq, swept_seq: 0 }),
    ],
    "write",
  )
}

/** Takes some messages of a deleted chat out of the index; the last of them, and the mark moves on. */
async function sweep(db: Database, identity: IndexerIdentity, state: State, event: Entry): Promise<void> {
  const messages = await db.orm.all<{ id: number; seq: number }>(sql`select rowid as id, seq from messages
    where session_id = ${event.session_id} and seq > ${state.swept_seq} order by seq limit ${swept}`)
  const last = messages.at(-1)
  const next =
    last && messages.length === swept
      ? { swept_seq: last.seq }
      : { mark: event.place, mark_session: event.session_id, mark_seq: event.seq, swept_seq: 0 }
  await db.client.batch(
    [
      {
        sql: "delete from search_index where rowid in (select value from json_each(?1))",
        args: [JSON.stringify(messages.map(({ id }) => id))],
      },
      moved(identity, state, next),
    ],
    "write",
  )
}

type Next = { readonly swept_seq: number } & Partial<Record<"mark" | "mark_seq", number> & { mark_session: string }>

/** From where we found it: of two at the same work one moves it, and what the other brought was not taken. */
function moved({ instance, lease_expires_at }: IndexerIdentity, { mark, swept_seq }: State, next: Next) {
  return {
    sql: `update search_state set mark = coalesce(?1, mark), mark_session = coalesce(?2, mark_session),
      mark_seq = coalesce(?3, mark_seq), swept_seq = ?4, holder = ?5, lease_expires_at = ?6 where mark = ?7 and swept_seq = ?8`,
    args: [
      next.mark ?? null,
      next.mark_session ?? null,
      next.mark_seq ?? null,
      next.swept_seq,
      instance,
      lease_expires_at,
      mark,
      swept_seq,
    ],
  }
}
