// The routes of files: what is uploaded once and then named by its `file_id`.
import { z } from "zod"
import { FileId, Timestamp } from "./ids.ts"
import { FilePart } from "./message.ts"
import { shownAs, yesNo } from "./query.ts"
import { lang, ofUsers, owned, page, pageOf, route } from "./route.ts"

const { name, mime_type, url } = FilePart.shape

/** A file that is kept here. A message names it by `file_id`. */
export const StoredFile = z
  .object({
    file_id: FileId,
    name,
    mime_type,
    size: z.int().min(1).describe("Bytes."),
    sha256: FilePart.shape.sha256.unwrap().describe("Of the content, hex."),
    url: url.describe("The path where it is read, with a token."),
    create_time: Timestamp,
  })
  .meta({ id: "StoredFile" })
export type StoredFile = z.infer<typeof StoredFile>

/** For people who read the document: the form itself is read piece by piece. */
const UploadForm = z.object({
  file: z
    .unknown()
    .meta(shownAs({ type: "string", format: "binary" }))
    .describe("The content, with its filename and, if known, its Content-Type. One part, and no other."),
})

const ofOne = { param: z.object({ file_id: FileId }), errors: ["not_found"] } as const

export const fileRoutes = {
  uploadFile: route("post", "/chat/file", {
    summary: "Keep a file",
    description:
      "Its type is found by its content (P3.9). A `message` of kind `file` then names it by its `file_id`. It is sent as multipart/form-data with one part.",
    query: z.strictObject(lang),
    form: UploadForm,
    status: 201,
    data: StoredFile,
    errors: ["file_too_large", "file_type", "file_unreadable", "too_many_files", "rate_limited"],
  }),
  listFiles: route("get", "/chat/file/list", {
    summary: "List files, the newest first",
    query: z.strictObject({ ...ofUsers, ...page }),
    data: pageOf(StoredFile),
  }),
  readFile: route("get", "/chat/file/:file_id", {
    ...ofOne,
    summary: "Read a file, or a part of it",
    description: "It comes as a download unless `inline` says otherwise.",
    query: z.strictObject({
      ...owned,
      inline: yesNo.optional().describe("To be shown, not saved: images, PDF and plain text only."),
    }),
    content: true,
    errors: ["not_found", "bad_range"],
  }),
  deleteFile: route("delete", "/chat/file/:file_id", {
    ...ofOne,
    summary: "Delete a file",
    description: "Its content is gone for good. Messages that name it stay as they are.",
    query: z.strictObject(owned),
    data: z.object({ deleted: z.array(FileId) }),
  }),
}
