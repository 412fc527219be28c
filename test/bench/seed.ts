// A database with many chats in it, of user 1, written by SQL in the order in which people would have said it: message by
// message over all chats, so that the messages of one chat are scattered over the file.
import { migrateDatabase, openDatabase } from "../../src/store/database.ts"

export interface Seed {
  readonly chats: number
  /** Events of each chat: a question, an answer and an end in turn. */
  readonly events: number
  readonly flow_id: string
}

/** Names are seed-0, seed-1 and so on. In a process of its own: libSQL lets go of a large file some time after its closing. */
export async function seedDatabase(folder: string, seed: Seed): Promise<void> {
  const child = Bun.spawn([process.execPath, import.meta.path, folder, JSON.stringify(seed)], {
    stdio: ["ignore", "inherit", "inherit"],
  })
  if ((await child.exited) !== 0) throw new Error("the database could not be filled")
}

async function fill(folder: string, { chats, events, flow_id }: Seed): Promise<void> {
  const db = await openDatabase({ database: {}, data_dir: folder })
  await migrateDatabase(db)
  const { client } = db
  await client.execute("pragma cache_size = -2000000")
  await client.execute("pragma synchronous = off")
  const numbers = (count: string) =>
    `with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ${count})`
  await client.execute({
    sql: `${numbers("?1")} insert into sessions (id, user_id, chat_id, flow_id, chat_type, state, lifecycle, last_seq, epoch,
      create_time, update_time)
      select ${sessionId}, 1, 'seed-' || i, ?2, 'NORMAL', 'completed', 'paused', ?3, printf('epo_%032x', i), ${time("i")}, ${time("i")} from n`,
    args: [chats, flow_id, events],
  })
  for (let seq = 1; seq <= events; seq++) {
    const kind = (["message", "result", "end"] as const)[(seq - 1) % 3] ?? "end"
    const args = [
      chats,
      seq,
      `${kind} of some length, `.padEnd(200, "as people and bots say it "),
      kind === "result" ? 1 : 0,
    ]
    const ref = kind === "end" ? turnId : messageId
    const data = kind === "end" ? endData : "null"
    await client.execute({
      sql: `${numbers("?1")} insert into events (session_id, seq, kind, ref, data, trace_id, create_time)
        select ${sessionId}, ?2, '${kind}', ${ref}, ${data}, printf('%08x-bench', i), ${time("?2 * 10000 + i")} from n`,
      args: args.slice(0, 2),
    })
    if (kind === "end") continue
    await client.execute({
      sql: `${numbers("?1")} insert into messages (id, session_id, chat_id, flow_id, chat_type, user_id, is_bot, kind, state,
        message, parts, source, seq, turn_id, client_id, liked, create_time)
        select ${messageId}, ${sessionId}, 'seed-' || i, '${flow_id}', 'NORMAL', 1, ?4, 'text', 'completed', ?3, '[]', 0, ?2,
        ${turnId}, case ?4 when 0 then ?2 end, 0, ${time("?2 * 10000 + i")} from n`,
      args,
    })
  }
  await client.execute("pragma wal_checkpoint(truncate)")
  await db.close()
}

const sessionId = "printf('ses_%032x', i)"
const messageId = "printf('msg_%016x%016x', ?2, i)"
const turnId = "printf('trn_%016x%016x', (?2 - 1) / 3, i)"
const endData = `json_object('turn_id', ${turnId}, 'state', 'completed', 'reason', 'done', 'message_id', null, 'error', null, 'question', null)`

function time(n: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', 1700000000 + (${n}) / 1000.0, 'unixepoch')`
}

if (import.meta.main) {
  const [folder = "", seed = ""] = Bun.argv.slice(2)
  await fill(folder, JSON.parse(seed) as Seed)
}
