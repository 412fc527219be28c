// Files of the person, brought to where Bisheng can read them.
import { fileTypeFromBuffer } from "file-type"
import { z } from "zod"
import { ChatError } from "../../errors.ts"
import type { FilePart, Message } from "../../protocol/message.ts"
import type { Files } from "../files.ts"
import type { Service } from "./service.ts"

type Named = Pick<FilePart, "name" | "mime_type"> & { readonly content: Uint8Array<ArrayBuffer> }

export interface UploadDeps {
  readonly service: Service
  readonly files: Files
  readonly message: Pick<Message, "parts">
  readonly max_file_bytes: number
  readonly signal: AbortSignal
}

const Uploaded = z.looseObject({ file_path: z.string().min(1) })

/** The files that a message brought with it. */
export function filesOf({ parts }: Pick<Message, "parts">): FilePart[] {
  return parts.filter((part) => part.type === "file")
}

/** Where Bisheng finds them: those that are kept here are uploaded to `path` first, others have an address already. */
export async function pathsOf(deps: UploadDeps, path: string, files: unknown): Promise<string[]> {
  const wanted = files === undefined ? filesOf(deps.message) : namesOf(files).map((name) => partOf(deps.message, name))
  const paths: string[] = []
  for (const file of wanted) {
    if (file.file_id === undefined) paths.push(file.url ?? "")
    else paths.push(pathOf(await upload(deps, path, await contentOf(deps, file.file_id, file))))
  }
  return paths
}

function pathOf(answer: unknown): string {
  const { data } = Uploaded.safeParse(answer)
  if (data) return data.file_path
  throw new ChatError("engine_failed", { cause: new Error("bisheng took a file and did not say where it is") })
}

/** Sends a file as a form; gives the answer's data. */
export function upload({ service, signal }: UploadDeps, path: string, { name, mime_type, content }: Named) {
  const form = new FormData()
  form.append("file", new File([content], name, { type: mime_type }))
  return service.call({ path, form, signal })
}

export async function contentOf(
  { files, max_file_bytes }: UploadDeps,
  file_id: string,
  known: Partial<FilePart>,
): Promise<Named> {
  const content = await files.bytes(file_id)
  if (content.length > max_file_bytes) throw new ChatError("file_too_large", { params: { limit: max_file_bytes } })
  if (known.name !== undefined) return { name: known.name, mime_type: known.mime_type ?? "", content }
  // Bisheng reads a file by the ending of its name.
  const type = await fileTypeFromBuffer(content)
  return { name: `${file_id}.${type?.ext ?? "txt"}`, mime_type: type?.mime ?? "text/plain", content }
}

function namesOf(files: unknown): string[] {
  const list = Array.isArray(files) ? files : [files]
  return list.filter((name) => typeof name === "string")
}

/** A file field's answer is a list of file_ids; the message may say more of them. */
function partOf(message: Pick<Message, "parts">, name: string): Partial<FilePart> {
  const part = filesOf(message).find(({ file_id, url }) => file_id === name || url === name)
  if (part) return part
  return /^https?:\/\//.test(name) ? { url: name } : { file_id: name }
}
