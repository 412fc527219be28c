// The rows of files: ownership is part of the WHERE. Their content lies elsewhere (files/). What is deleted leaves no row, so that
// nobody can make the counting slow for ever.
import { and, desc, eq, inArray, isNull, or, sql } from "drizzle-orm"
import type { Owner } from "../auth/rights.ts"
import type { FilePart } from "../protocol/message.ts"
import type { Database } from "./database.ts"
import { type FileRow, files } from "./schema.ts"

export interface FileLimits {
  readonly max_files_per_user: number
  readonly max_bytes_per_user: number
}

/** As a message names it. */
export function fileOf({ id, name, mime_type, size, sha256 }: FileRow) {
  const url = `/chat/file/${id}`
  return { file_id: id, name, url, mime_type, size, sha256 } satisfies Omit<FilePart, "type">
}

/** Writes the row, if its owner has room for it: counted in the same statement, so that two at once cannot both take the last place. */
export async function insertFile(db: Database, row: FileRow, limits: FileLimits): Promise<boolean> {
  const { id, user_id, name, mime_type, size, sha256, create_time, held_for } = row
  const done = await db.orm.run(sql`
insert into files (id, user_id, name, mime_type, size, sha256, create_time, held_for)
select ${id}, ${user_id}, ${name}, ${mime_type}, ${size}, ${sha256}, ${create_time}, ${held_for}
from (select count(*) as number, coalesce(sum(size), 0) as bytes from files
  where user_id = ${user_id})
where number < ${limits.max_files_per_user} and bytes + ${size} <= ${limits.max_bytes_per_user}`)
  return done.rowsAffected === 1
}

/** How much an owner keeps here. */
export async function usedBy(db: Database, user_id: number): Promise<{ number: number; bytes: number }> {
  const [row] = await db.orm
    .select({ number: sql<number>`count(*)`, bytes: sql<number>`coalesce(sum(${files.size}), 0)` })
    .from(files)
    .where(ownFile(user_id))
  return row ?? { number: 0, bytes: 0 }
}

export async function findFile(db: Database, owner: Owner, id: string): Promise<FileRow | undefined> {
  const found = db.orm
    .select()
    .from(files)
    .where(and(eq(files.id, id), ownFile(owner)))
  return (await found.limit(1))[0]
}

/** Those of `ids` that are the user's own, in no order; of those that are held for a question, this one's. */
export function ownFiles(db: Database, user_id: number, ids: readonly string[], input_id?: string): Promise<FileRow[]> {
  const free = isNull(files.held_for)
  return db.orm
    .select()
    .from(files)
    .where(
      and(
        inArray(files.id, [...ids]),
        ownFile(user_id),
        input_id === undefined ? free : or(free, eq(files.held_for, input_id)),
      ),
    )
}

/** Which of `ids` have a row, whoever's. */
export async function keptFiles(db: Database, ids: readonly string[]): Promise<Set<string>> {
  const rows = db.orm
    .select({ id: files.id })
    .from(files)
    .where(inArray(files.id, [...ids]))
  return new Set((await rows).map(({ id }) => id))
}

/** One page of files, the newest first. */
export function listFiles(
  db: Database,
  owner: Owner,
  { after, limit }: { readonly after?: Pick<FileRow, "create_time" | "id"> | undefined; readonly limit: number },
): Promise<FileRow[]> {
  return db.orm
    .select()
    .from(files)
    .where(and(ownFile(owner), after && sql`(${files.create_time}, ${files.id}) < (${after.create_time}, ${after.id})`))
    .orderBy(desc(files.create_time), desc(files.id))
    .limit(limit)
}

/** False: it is not there, or not of this owner. */
export async function deleteFile(db: Database, owner: Owner, id: string): Promise<boolean> {
  const done = await db.orm.delete(files).where(and(eq(files.id, id), ownFile(owner)))
  return done.rowsAffected === 1
}

function ownFile(owner: Owner) {
  return owner === "anyone" ? undefined : eq(files.user_id, owner)
}
