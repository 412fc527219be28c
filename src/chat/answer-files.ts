// The files that an answer names: each must be there, be the chat owner's, and be of a type that its field takes.
import { ChatError } from "../errors.ts"
import { type Language, say } from "../language/language.ts"
import type { Field } from "../protocol/form.ts"
import type { FilePart } from "../protocol/message.ts"
import type { Database } from "../store/database.ts"
import { fileOf, ownFiles } from "../store/files.ts"
import type { Value } from "./answer-read.ts"

/** The files of a checked answer, as parts of its message. Throws `bad_answer`. */
export async function filesOfAnswer(
  db: Database,
  user_id: number,
  fields: readonly Field[],
  answer: Value,
  language: Language,
): Promise<FilePart[]> {
  const named = fields.flatMap((field) => (field.type === "file" ? [{ field, ids: idsOf(answer, field.key) }] : []))
  const ids = named.flatMap(({ ids }) => ids)
  if (ids.length === 0) return []
  const found = new Map((await ownFiles(db, user_id, ids)).map((file) => [file.id, file]))
  const faults = named.flatMap(({ field: { key, accept }, ids }) => {
    for (const id of ids) {
      const file = found.get(id)
      if (!file) return [[key, say(language, "field_file")] as const]
      if (accept && !accepts(accept, file.mime_type)) {
        return [[key, say(language, "field_accept", { type: file.mime_type, accepted: accept.join(", ") })] as const]
      }
    }
    return []
  })
  const [first] = faults
  if (first) {
    throw new ChatError("bad_answer", { params: { problem: first.join(": ") }, fields: Object.fromEntries(faults) })
  }
  return [...found.values()].map((file) => ({ type: "file", ...fileOf(file) }))
}

function idsOf(answer: Value, key: string): string[] {
  const value = typeof answer === "object" && answer !== null && !Array.isArray(answer) ? answer[key] : undefined
  return Array.isArray(value) ? value.map(String) : []
}

function accepts(accept: readonly string[], mime_type: string): boolean {
  const type = mime_type.toLowerCase()
  return accept.some((one) => {
    const wanted = one.toLowerCase()
    return wanted.endsWith("/*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted
  })
}
