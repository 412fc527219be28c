// The limit of durable messages: a group commit and nothing else. A socket's frame is checked, goes with all others of the moment
// into one batch of three tables, and is acked after the commit. No turns, no guards, no lists, and nobody is told.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient } from "@libsql/client"
import type { ServerWebSocket } from "bun"
import { z } from "zod"
import { answerQuestions } from "./answer.mjs"

const Frame = z.object({
  type: z.literal("message"),
  data: z.object({ text: z.string().max(10_000) }),
  trace_id: z.string(),
  id: z.string(),
})

const folder = mkdtempSync(join(tmpdir(), "bisheng-chat-sketch-"))
const url = Bun.env.DATABASE_URL ?? `file:${join(folder, "sketch.db")}`
const db = createClient({ url, concurrency: 1 })
if (url.startsWith("file:")) {
  await db.execute("pragma journal_mode = wal")
  await db.execute("pragma synchronous = full")
}
await db.batch(
  [
    "create table sketch_sessions (id text primary key, last_seq integer not null, update_time text not null)",
    `create table sketch_messages (id text primary key, session_id text not null, seq integer not null, client_id text not null,
      message text not null, create_time text not null, unique (session_id, client_id))`,
    `create table sketch_events (session_id text not null, seq integer not null, kind text not null, ref text not null,
      primary key (session_id, seq))`,
  ],
  "write",
)

interface Waiting {
  readonly ws: ServerWebSocket<{ session: string }>
  readonly row: { id: string; session: string; client_id: string; text: string; at: string; place: number }
}

const numbered = `with a as materialized (select value from json_each(?1))
  select a.value ->> 'session' as session, s.last_seq + (a.value ->> 'place') as seq, a.value
  from a join sketch_sessions s on s.id = a.value ->> 'session'`
const statements = [
  `insert or ignore into sketch_sessions select distinct value ->> 'session', 0, '' from json_each(?1)`,
  `insert into sketch_messages select n.value ->> 'id', n.session, n.seq, n.value ->> 'client_id', n.value ->> 'text', n.value ->> 'at'
    from (${numbered}) n`,
  `insert into sketch_events select n.session, n.seq, 'message', n.value ->> 'id' from (${numbered}) n returning session_id, seq`,
  `update sketch_sessions set last_seq = last_seq + n.count, update_time = n.at from (select value ->> 'session' as session,
    count(*) as count, max(value ->> 'at') as at from json_each(?1) group by 1) n where sketch_sessions.id = n.session`,
]

const waiting: Waiting[] = []
let busy = false

async function flush(): Promise<void> {
  const batch = waiting.splice(0, 256)
  const places = new Map<string, number>()
  const rows = batch.map(({ row }) => {
    const place = (places.get(row.session) ?? 0) + 1
    places.set(row.session, place)
    return { ...row, place }
  })
  const args = [JSON.stringify(rows)]
  const results = await db.batch(
    statements.map((sql) => ({ sql, args })),
    "write",
  )
  // In no order worth anything: `returning` gives them as they were inserted, which is the batch's.
  for (const [place, { ws, row }] of batch.entries()) {
    const seq = results[2]?.rows[place]?.seq
    ws.send(JSON.stringify({ type: "ack", data: { id: row.client_id, seq, dup: false } }))
  }
  busy = false
  if (waiting.length > 0) wake()
}

function wake(): void {
  if (busy) return
  busy = true
  setImmediate(() => void flush())
}

const server = Bun.serve<{ session: string }>({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, bun) {
    const data = { session: new URL(request.url).searchParams.get("chat_id") ?? "all" }
    return bun.upgrade(request, { data }) ? undefined : new Response("sketch")
  },
  websocket: {
    data: { session: "" },
    message(ws, raw) {
      const { id: client_id, data } = Frame.parse(JSON.parse(String(raw)))
      const at = new Date().toISOString()
      const row = { id: Bun.randomUUIDv7(), session: ws.data.session, client_id, text: data.text, at, place: 0 }
      waiting.push({ ws, row })
      wake()
    },
  },
})

answerQuestions(
  { url: `ws://127.0.0.1:${server.port}`, token: "" },
  {
    stop() {
      server.stop(true)
      rmSync(folder, { recursive: true, force: true })
    },
  },
)
