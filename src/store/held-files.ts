// The rows of files that came by a question's link: held for it until its answer is kept, which then has them. Whether it has
// is asked in the statement that deletes: the answer may come at any moment.
import { and, eq, gt, inArray, type SQL, sql } from "drizzle-orm"
import type { Database } from "./database.ts"
import { type FileRow, files } from "./schema.ts"

const inAnswer = sql`exists (select 1 from inputs i join messages m on m.id = i.answered_by, json_each(m.parts) p
  where i.id = files.held_for and p.value ->> '$.file_id' = files.id)`
const closed = sql`not exists (select 1 from inputs i where i.id = files.held_for and i.closed_at is null)`

/** Those of `ids` that are held for the question and came after `since`. */
export function heldFiles(
  db: Database,
  input_id: string,
  { ids, since }: { readonly ids: readonly string[]; readonly since: string },
): Promise<FileRow[]> {
  return db.orm
    .select()
    .from(files)
    .where(and(ofInput(input_id), inArray(files.id, [...ids]), gt(files.create_time, since)))
}

/** Those that are in the answer to their question, of any or of this one, stay from now on. */
export async function releaseFiles(db: Database, input_id?: string): Promise<void> {
  await db.orm
    .update(files)
    .set({ held_for: null })
    .where(and(ofInput(input_id), inAnswer))
}

/** Deletes the rows of those whose question is closed, or that came before `before`. Resolves to their ids. */
export function deleteUnneeded(
  db: Database,
  { input_id, before }: { readonly input_id?: string | undefined; readonly before: string },
): Promise<string[]> {
  return deleteHeld(db, and(ofInput(input_id), sql`(${closed} or files.create_time <= ${before})`))
}

/** Deletes the rows of these. Resolves to the ids of those that were there. */
export function deleteHeldOf(db: Database, input_id: string, ids: readonly string[]): Promise<string[]> {
  return deleteHeld(db, and(ofInput(input_id), inArray(files.id, [...ids])))
}

/** Deletes the rows of all but the newest `room`. Resolves to their ids. */
export function deleteOldest(db: Database, input_id: string, room: number): Promise<string[]> {
  const oldest = sql`files.id in (select f.id from files f where f.held_for = ${input_id}
    order by f.create_time desc, f.id desc limit -1 offset ${room})`
  return deleteHeld(db, and(ofInput(input_id), oldest))
}

async function deleteHeld(db: Database, which: SQL | undefined): Promise<string[]> {
  const rows = await db.orm
    .delete(files)
    .where(and(which, sql`not ${inAnswer}`))
    .returning({ id: files.id })
  return rows.map(({ id }) => id)
}

function ofInput(input_id: string | undefined): SQL {
  // As the partial index says it.
  return input_id === undefined ? sql`files.held_for is not null` : eq(files.held_for, input_id)
}
