// What somebody filled in behind a link, in either encoding of a page's form, and which files go with it.
import type { Context } from "hono"
import { ChatError } from "../errors.ts"
import { badForm } from "../files/form.ts"
import type { HeldFiles } from "../files/held.ts"
import { say } from "../language/language.ts"
import type { Field } from "../protocol/form.ts"
import type { Env } from "./answer.ts"
import { type Chosen, type Filled, namesOf } from "./answer-form.ts"
import { isMultipart, roomFor, UploadedForm } from "./answer-upload.ts"

export interface FilledForm {
  readonly filled: Filled
  readonly chosen: Chosen
  /** What is wrong with the files, by the fields' keys. */
  readonly faults: Readonly<Record<string, string>>
  /** Ids of the files that came with it just now. */
  readonly uploaded: readonly string[]
}

export interface FilledDeps {
  readonly held: HeldFiles
  readonly max_file_bytes: number
  readonly fields: readonly Field[]
  readonly user_id: number
  readonly input_id: string
  goesOn(once: string | undefined): Promise<boolean>
}

/** Undefined: `goesOn` said that there is no need to read it. */
export async function filledIn(deps: FilledDeps, c: Context<Env>): Promise<FilledForm | undefined> {
  const { fields, max_file_bytes: max_bytes } = deps
  if (!isMultipart(c))
    return withFiles(deps, c, { values: await valuesOf(c), files: new Map(), faults: new Map(), ids: [] })
  const form = new UploadedForm(fields, { ...deps, max_bytes, language: c.var.language })
  return (await form.read(c.req.raw)) ? withFiles(deps, c, form) : undefined
}

async function valuesOf(c: Context<Env>): Promise<Filled> {
  const body = await c.req.parseBody({ all: true }).catch((cause: unknown) => {
    throw ChatError.within(cause) ?? badForm(cause)
  })
  return new Map(
    Object.entries(body).map(([name, value]) => [
      name,
      (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string"),
    ]),
  )
}

/** The files that came now, and those of an earlier try that the person keeps: only what came by this question's link counts. */
async function withFiles(
  { held, fields, input_id }: FilledDeps,
  c: Context<Env>,
  { values, files, faults, ids }: Pick<UploadedForm, "files" | "faults" | "ids"> & { readonly values: Filled },
): Promise<FilledForm> {
  // No more than are held, and no fewer: whoever keeps too many is told so, and chooses which.
  const keptAt = (place: number) => [...new Set(values.get(namesOf(place).kept))].slice(0, roomFor(fields))
  const named = fields.flatMap((field, place) => (field.type === "file" ? keptAt(place) : []))
  const rows = named.length > 0 ? await held.find(input_id, named) : []
  const known = new Map(rows.map((row) => [row.id, row]))
  const wrong = new Map(faults)
  const chosen = fields.flatMap((field, place) => {
    if (field.type !== "file") return []
    const fresh = files.get(place) ?? []
    // One file takes the place of the one before.
    const wanted = field.multiple || fresh.length === 0 ? keptAt(place) : []
    const kept = wanted.flatMap((id) => known.get(id) ?? [])
    if (kept.length < wanted.length && !wrong.has(field.key))
      wrong.set(field.key, say(c.var.language, "page_file_gone"))
    return [[place, [...kept, ...fresh]] as const]
  })
  return { filled: values, chosen: new Map(chosen), faults: Object.fromEntries(wrong), uploaded: ids }
}
