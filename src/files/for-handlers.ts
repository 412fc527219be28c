// What a bot may do with the files of the chat's owner: the port of handlers/files.ts.
import type { Files } from "../handlers/files.ts"
import type { FilesConfig } from "../settings.ts"
import { fileOf } from "../store/files.ts"
import type { FileRow } from "../store/schema.ts"
import type { Extraction, Extractor } from "./extract.ts"
import { Readable } from "./extract-task.ts"
import { type FileKeeper, notFound } from "./keeper.ts"

export interface FilesDeps {
  readonly keeper: FileKeeper
  readonly extractor: Extractor
  readonly config: FilesConfig
}

/** Those of `user_id`. */
export function filesFor({ keeper, extractor, config }: FilesDeps, user_id: number): Files {
  const own = async (id: string) => {
    const row = await keeper.find(user_id, id)
    if (!row) throw notFound()
    return row
  }
  const textOf = async (row: FileRow): Promise<Extraction | undefined> => {
    const needed = Readable.safeParse(row.mime_type)
    if (needed.success) return extractor.extract(await keeper.read(row.id), needed.data)
    return /^text\/|^application\/json$/.test(row.mime_type)
      ? plainText(keeper, row, config.max_text_length)
      : undefined
  }
  return {
    async bytes(id) {
      const row = await own(id)
      return new Uint8Array(await new Response(await keeper.read(row.id)).arrayBuffer())
    },
    async text(id) {
      const extracted = await textOf(await own(id))
      if (!extracted) return null
      return extracted.cut ? `${extracted.text}\n[${cutHere(config.max_text_length)}]` : extracted.text
    },
    async save({ name, mime_type, content }) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
      return fileOf(await keeper.keep({ user_id }, { name, declared: mime_type }, [bytes]))
    },
  }
}

/** For whoever reads the text, a model mostly. */
const cutHere = (limit: number) => `The file is longer: only its first ${limit} characters are here.`

/** Only as much of it is read as is needed. */
async function plainText(keeper: FileKeeper, { id, size }: FileRow, max_length: number): Promise<Extraction> {
  // A UTF-16 unit is at most three bytes of UTF-8.
  const end = Math.min(size, max_length * 3 + 3) - 1
  const bytes = await new Response(await keeper.read(id, { start: 0, end })).bytes()
  // As of a stream: a sign that is cut at the end is left out.
  const text = new TextDecoder().decode(bytes, { stream: true })
  return { text: text.slice(0, max_length).toWellFormed(), cut: end + 1 < size || text.length > max_length }
}
