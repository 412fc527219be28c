// Files for tests: forms as a browser sends them, and contents that people send, and should not.
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { StoredFile } from "../../src/protocol/rest-files.ts"
import type { TestServer } from "../support/server.ts"

export type Bytes = string | Uint8Array<ArrayBuffer>

const Answer = z.object({
  status_code: z.int(),
  status_message: z.string(),
  data: z.object({ code: z.string().optional(), retry: z.boolean().optional() }).loose(),
})

export function formOf(content: Bytes, name = "notes.txt", type = ""): FormData {
  const form = new FormData()
  form.append("file", new File([content], name, { type }))
  return form
}

export async function upload(server: TestServer, form: FormData, user = 1) {
  const response = await server.fetch("/chat/file", { method: "POST", body: form, user })
  const answer = Answer.parse(await response.json())
  return { status: response.status, ...answer, code: answer.data.code }
}

/** Uploads what will be taken. */
export async function keep(server: TestServer, content: Bytes, name?: string, user = 1): Promise<StoredFile> {
  const { status, data, status_message } = await upload(server, formOf(content, name), user)
  if (status !== 201) throw new Error(`the upload was refused: ${status_message}`)
  return StoredFile.parse(data)
}

/** What was answered, to be looked into. */
export async function jsonOf(response: Response | Promise<Response>) {
  return JSON.parse(await (await response).text())
}

/** Sent piece by piece, each when it is asked for. */
export function streamOf(chunks: Iterable<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = chunks[Symbol.iterator]()
  return new ReadableStream({
    pull(controller) {
      const { done, value } = pieces.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** Every file below the folder of contents: drafts and kept ones. */
export async function filesIn(server: Pick<TestServer, "folder">): Promise<string[]> {
  const all = await readdir(join(server.folder, "files"), { recursive: true, withFileTypes: true }).catch(() => [])
  return all.filter((entry) => entry.isFile()).map(({ name }) => name)
}

export const png = new Uint8Array(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
)
