// The form behind a link, with its files: values are read up to a limit, each file goes on to be kept as it comes. A file that
// cannot be kept is a fault of its field, and the rest of the form is read all the same.
import type { Context } from "hono"
import { ChatError, type ErrorCode } from "../errors.ts"
import { type FormPart, readForm } from "../files/form.ts"
import type { HeldFiles, Room } from "../files/held.ts"
import { describe, type Language, say } from "../language/language.ts"
import { type Field, type FileField, maxFiles, takesType } from "../protocol/form.ts"
import type { FileRow } from "../store/schema.ts"
import { namesOf } from "./answer-form.ts"

/** Bytes of all values together: as much as a form without files may have. */
const maxValueBytes = 1_048_576
/** So many parts more than the form can need: who chooses a whole folder is told that it is too much. */
const spareParts = 1000
/** As many files are held as a question asks for, twice: a form is sent again with others, or by a second click. */
const rounds = 2
const faultsOfFiles: readonly ErrorCode[] = ["file_too_large", "file_type", "file_unreadable"]

export interface UploadDeps {
  readonly held: Pick<HeldFiles, "keep" | "drop">
  /** Bytes of one file. */
  readonly max_bytes: number
  readonly language: Language
  /** Whose the files are. */
  readonly user_id: number
  readonly input_id: string
  /** Asked after the first part, which is `once` where a browser sends the form: is the rest to be read? */
  goesOn(once: string | undefined): Promise<boolean>
}

export function isMultipart(c: Context): boolean {
  return /^multipart\/form-data *(;|$)/i.test(c.req.header("Content-Type") ?? "")
}

/** How many files a field takes. */
export function maxOf(field: Field): number {
  if (field.type !== "file") return 0
  return field.multiple ? maxFiles : 1
}

/** How many files are held for a question with these fields. */
export function roomFor(fields: readonly Field[]): number {
  return rounds * fields.reduce((sum, field) => sum + maxOf(field), 0)
}

export class UploadedForm {
  readonly values = new Map<string, string[]>()
  /** What was kept, by the places of the fields. */
  readonly files = new Map<number, FileRow[]>()
  /** By the fields' keys. */
  readonly faults = new Map<string, string>()
  readonly #deps: UploadDeps
  readonly #fields: readonly Field[]
  readonly #fileFields: ReadonlyMap<string, { readonly field: FileField; readonly place: number }>
  readonly #room: Room
  readonly #chosen = new Map<number, number>()
  #valueBytes = 0
  #parts = 0

  constructor(fields: readonly Field[], deps: UploadDeps) {
    this.#fields = fields
    this.#deps = deps
    this.#fileFields = new Map(
      fields.flatMap((field, place) => (field.type === "file" ? [[namesOf(place).field, { field, place }]] : [])),
    )
    this.#room = { user_id: deps.user_id, held_for: deps.input_id, room: roomFor(fields) }
  }

  /** The ids of what was kept. */
  get ids(): string[] {
    return [...this.files.values()].flat().map(({ id }) => id)
  }

  /** Resolves to whether it went on to the end. What throws leaves nothing behind. */
  async read(request: Request): Promise<boolean> {
    const needed = this.#fields.map((field) => (field.type === "select" ? field.options.length : 3 + 2 * maxOf(field)))
    const parts = needed.reduce((sum, number) => sum + number, spareParts)
    let whole = true
    try {
      await readForm(request, { parts, dropped: 2 * this.#deps.max_bytes }, async (part) => {
        whole = await this.#take(part)
        return whole ? undefined : "enough"
      })
    } catch (fault) {
      // Which file was too much is said at its field; what would have come behind it is not known.
      if (ChatError.within(fault)?.code === "frame_too_large" && this.faults.size > 0) return true
      await this.#deps.held.drop(this.#deps.input_id, this.ids)
      throw fault
    }
    return whole
  }

  async #take(part: FormPart): Promise<boolean> {
    const { name, filename } = part
    const asked = this.#fileFields.get(name)
    const isValue = filename === undefined && !asked
    const isFirst = this.#parts++ === 0
    const once = isFirst && isValue && name === "once" ? await this.#valueOf(part) : undefined
    if (isFirst && !(await this.#deps.goesOn(once))) return false
    if (isValue) this.values.set(name, [...(this.values.get(name) ?? []), once ?? (await this.#valueOf(part))])
    // Without a name no file was chosen.
    else if (asked && filename) await this.#keep(part, asked.field, asked.place)
    return true
  }

  async #keep({ filename = "", declared, chunks }: FormPart, field: FileField, place: number): Promise<void> {
    const { held, input_id, language } = this.#deps
    const number = (this.#chosen.get(place) ?? 0) + 1
    this.#chosen.set(place, number)
    const max = maxOf(field)
    if (number > max) return this.#blame(field, say(language, max > 1 ? "field_files" : "field_one_file", { max }))
    try {
      const file = await held.keep(this.#room, { name: filename, declared }, chunks)
      if (takesType(field, file.mime_type)) {
        this.files.set(place, [...(this.files.get(place) ?? []), file])
        return
      }
      await held.drop(input_id, [file.id])
      const params = { type: file.mime_type, accepted: (field.accept ?? []).join(", ") }
      this.#blame(field, say(language, "field_accept", params), file.name)
    } catch (fault) {
      const error = ChatError.within(fault)
      // How much room its owner has is not for whoever has the link.
      if (error?.code === "too_many_files") return this.#blame(field, say(language, "page_no_room"))
      if (!error || !faultsOfFiles.includes(error.code)) throw fault
      this.#blame(field, describe(error, language).message, filename)
    }
  }

  /** Of several files it is said which one. The first fault of a field holds. */
  #blame({ key, multiple }: FileField, fault: string, label?: string): void {
    if (this.faults.has(key)) return
    const named = multiple && label !== undefined
    this.faults.set(key, named ? say(this.#deps.language, "answer_line", { label, value: fault }) : fault)
  }

  async #valueOf({ name, chunks }: FormPart): Promise<string> {
    const pieces: Uint8Array[] = []
    this.#valueBytes += name.length
    for await (const piece of chunks) {
      this.#valueBytes += piece.length
      if (this.#valueBytes > maxValueBytes) {
        throw new ChatError("frame_too_large", { params: { limit: maxValueBytes } })
      }
      pieces.push(piece)
    }
    return new TextDecoder().decode(Buffer.concat(pieces))
  }
}
