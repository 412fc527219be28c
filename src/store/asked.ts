// What a turn is about: what was said first, if it is an answer to what the bot wanted to know then, and in which role.
import { sql } from "drizzle-orm"
import { z } from "zod"
import { type Message, MessageKind } from "../protocol/message.ts"
import type { Database } from "./database.ts"

export interface Asked {
  /** Of the message that began it: behind an answer, the one that made the bot ask. */
  readonly kind: MessageKind
  /** Of the person who says this message. */
  readonly role: "user" | "admin"
  /** It is an answer to a question of the bot. */
  readonly answers: boolean
}

const Row = z.object({ kind: MessageKind.nullable(), role: z.enum(["user", "admin"]).nullable() })

/** A bot may ask again and again, so there may be many answers between. */
export async function asked(db: Database, { session_id, seq, kind, parts }: Message): Promise<Asked> {
  const input_id = parts.flatMap((part) => (part.type === "input" ? part.input_id : []))[0] ?? null
  const rows = await db.orm.all(sql`
with recursive before(input_id, kind) as (
  select ${input_id}, null where ${input_id} is not null
  union
  select (select p.value ->> 'input_id' from json_each(m.parts) p where p.value ->> 'type' = 'input' limit 1), m.kind
  from before b join inputs i on i.id = b.input_id join turns t on t.id = i.turn_id join messages m on m.id = t.message_id
)
select (select kind from before where input_id is null) as kind,
  (select data ->> 'role' from events where session_id = ${session_id} and seq = ${seq} and kind = 'message') as role`)
  const row = Row.parse(rows[0])
  return { kind: row.kind ?? kind, role: row.role ?? "user", answers: input_id !== null }
}
