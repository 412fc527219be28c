// /chat/file*: what people upload, read as it comes, and given back so that no browser takes it for a page of ours.
import { type Context, Hono } from "hono"
import { z } from "zod"
import { ownerFor, reachFor } from "../auth/rights.ts"
import { ChatError } from "../errors.ts"
import { badForm, formOverhead, readForm } from "../files/form.ts"
import { notFound } from "../files/keeper.ts"
import { contentDisposition } from "../files/name.ts"
import type { ByteRange } from "../files/storage.ts"
import { FileId, Timestamp } from "../protocol/ids.ts"
import { routes } from "../protocol/rest.ts"
import { fileOf, listFiles as listRows } from "../store/files.ts"
import type { FileRow } from "../store/schema.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { pageOf, placeOf } from "./cursor.ts"
import { valid } from "./valid.ts"

const { uploadFile, listFiles, readFile, deleteFile } = routes
const Position = z.tuple([Timestamp, FileId])

export function fileRoutes({ db, files, config }: Pick<AppDeps, "db" | "files" | "config">) {
  const limit = config.files.max_bytes
  return new Hono<ChatEnv>()
    .post(uploadFile.path, valid("query", uploadFile.query), async (c) => {
      if (Number(c.req.header("Content-Length") ?? 0) > limit + formOverhead) {
        throw new ChatError("file_too_large", { params: { limit } })
      }
      const { user_id } = c.var.principal
      const kept: FileRow[] = []
      await readForm(c.req.raw, { parts: 1, dropped: 0 }, async ({ name, filename = "", declared, chunks }) => {
        if (name !== "file") throw badForm()
        kept.push(await files.keep({ user_id }, { name: filename, declared }, chunks))
        return undefined
      })
      const [file] = kept
      if (!file) throw badForm()
      return answer(c, storedFile(file), 201)
    })
    .get(listFiles.path, valid("query", listFiles.query), async (c) => {
      const { user_id, cursor, limit } = c.req.valid("query")
      const owner = ownerFor(c.var.principal, user_id)
      const list = [listFiles.path, owner]
      const place = placeOf(list, Position, cursor)
      const after = place && { create_time: place[0], id: place[1] }
      const rows = await listRows(db, owner, { after, limit: limit + 1 })
      const { items, next_cursor } = pageOf(list, rows, limit, (row) => [row.create_time, row.id])
      return answer(c, { items: items.map(storedFile), next_cursor })
    })
    .get(readFile.path, valid("param", readFile.param), valid("query", readFile.query), async (c) => {
      const { user_id, inline = false } = c.req.valid("query")
      const row = await files.find(reachFor(c.var.principal, user_id).owner, c.req.valid("param").file_id)
      if (!row) throw notFound()
      const same = isSame(c.req.header("If-None-Match"), row)
      const range = same ? undefined : rangeOf(c, row)
      const content = same || c.req.method === "HEAD" ? null : await files.read(row.id, range)
      // From here on nothing is refused: a refusal must not be kept for a year.
      setHeaders(c, row, inline)
      if (same) return c.body(null, 304)
      c.header("Content-Length", String(range ? range.end - range.start + 1 : row.size))
      if (range) c.header("Content-Range", `bytes ${range.start}-${range.end}/${row.size}`)
      return new Response(content, c.newResponse(null, range ? 206 : 200))
    })
    .delete(deleteFile.path, valid("param", deleteFile.param), valid("query", deleteFile.query), async (c) => {
      const { file_id } = c.req.valid("param")
      await files.delete(reachFor(c.var.principal, c.req.valid("query").user_id).owner, file_id)
      return answer(c, { deleted: [file_id] })
    })
}

function storedFile(row: FileRow) {
  return { ...fileOf(row), create_time: row.create_time }
}

/** Types that a browser may show where they are: none of them runs anything. */
const shown = /^(?:image\/(?:png|jpeg|gif|webp)|application\/pdf|text\/plain)$/

function setHeaders(c: Context, { name, mime_type, sha256 }: FileRow, inline: boolean): void {
  c.header("Content-Type", mime_type.startsWith("text/") ? `${mime_type}; charset=utf-8` : mime_type)
  c.header("Content-Disposition", contentDisposition(inline && shown.test(mime_type) ? "inline" : "attachment", name))
  c.header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
  // The content of an id never changes; who may read it does.
  c.header("Cache-Control", "private, max-age=31536000, immutable")
  c.header("Vary", "Authorization", { append: true })
  c.header("ETag", etagOf(sha256))
  c.header("Accept-Ranges", "bytes")
}

function etagOf(sha256: string): string {
  return `"${sha256}"`
}

function isSame(known: string | undefined, { sha256 }: FileRow): boolean {
  if (known === undefined) return false
  return known.split(",").some((tag) => ["*", etagOf(sha256)].includes(tag.trim().replace(/^W\//, "")))
}

/** The one range that is asked for; undefined: all of it, also for what is no range of ours (RFC 9110, 14.2). Throws `bad_range`. */
function rangeOf(c: Context, { size, sha256 }: FileRow): ByteRange | undefined {
  const asked = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(c.req.header("Range") ?? "")
  const condition = c.req.header("If-Range")
  if (!asked || (condition !== undefined && condition !== etagOf(sha256))) return undefined
  const [, first = "", last = ""] = asked
  if (first === "" && last === "") return undefined
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1)
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined
  if (start < size && start <= end) return { start, end }
  c.header("Content-Range", `bytes */${size}`)
  throw new ChatError("bad_range", { params: { size } })
}
