// The files that an answer names: each must be there, be the chat owner's, and be of a type that its field takes.
import { ChatError } from "../errors.ts"
import { type Language, say } from "../language/language.ts"
import { type Field, takesType } from "../protocol/form.ts"
import type { FilePart } from "../protocol/message.ts"
import type { Database } from "../store/database.ts"
import { fileOf, ownFiles } from "../store/files.ts"
import type { Value } from "./answer-read.ts"

export interface Answered {
  readonly input_id: string
  readonly fields: readonly Field[]
  readonly answer: Value
}

/** The files of a checked answer, as parts of its message: `user_id`'s own. Throws `bad_answer`. */
export async function filesOfAnswer(
  db: Database,
  user_id: number,
  { input_id, fields, answer }: Answered,
  language: Language,
): Promise<FilePart[]> {
  const named = fields.flatMap((field) => (field.type === "file" ? [{ field, ids: idsOf(answer, field.key) }] : []))
  const ids = named.flatMap(({ ids }) => ids)
  if (ids.length === 0) return []
  const found = new Map((await ownFiles(db, user_id, ids, input_id)).map((file) => [file.id, file]))
  const faults = named.flatMap(({ field, ids }) => {
    const { key } = field
    for (const id of ids) {
      const file = found.get(id)
      if (!file) return [[key, say(language, "field_file")] as const]
      if (!takesType(field, file.mime_type)) {
        const accepted = (field.accept ?? []).join(", ")
        return [[key, say(language, "field_accept", { type: file.mime_type, accepted })] as const]
      }
    }
    return []
  })
  const [first] = faults
  if (first) {
    throw new ChatError("bad_answer", { params: { problem: first.join(": ") }, fields: Object.fromEntries(faults) })
  }
  return [...new Set(ids)].flatMap((id) => {
    const file = found.get(id)
    return file ? [{ type: "file" as const, ...fileOf(file) }] : []
  })
}

function idsOf(answer: Value, key: string): string[] {
  const value = typeof answer === "object" && answer !== null && !Array.isArray(answer) ? answer[key] : undefined
  return Array.isArray(value) ? value.map(String) : []
}
