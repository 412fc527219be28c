// What the routes of REST are made of: parameters that many share, the envelope of the answers, a row of the table.
import { z } from "zod"
import { type ErrorCode, errorCodes } from "../errors.ts"
import { ChatId, TraceId } from "./ids.ts"
import { instant, whole } from "./query.ts"

export const SessionRef = ChatId.describe("A chat_id or a session_id: both find a session.")
export const userId = whole(0, Number.MAX_SAFE_INTEGER)
export const lang = { lang: z.string().max(35).optional().describe("Language of the sentences: en or zh.") }
export const whose = "Administrators: whose; one's own when left out. Others may name themselves only."
export const owned = { ...lang, user_id: userId.optional().describe(whose) }
export const ofUsers = {
  ...lang,
  user_id: z
    .union([z.literal("all"), userId])
    .optional()
    .describe(`${whose} Or: all.`),
}
export const between = {
  since: instant.optional().describe("At this instant or later."),
  until: instant.optional().describe("Before this instant."),
}
export const page = {
  cursor: z.string().max(512).optional().describe("`next_cursor` of the page before, with the same filters."),
  limit: whole(1, 100).default(20).describe("Entries on a page; 20 when left out."),
}

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable().describe("null: this is the last page.") })

/** The shape of every JSON answer; `status_code` is the HTTP status, `status_message` a sentence in the caller's language. */
export const answerOf = <T extends z.ZodType>(status: number, data: T) =>
  z.object({ status_code: z.literal(status), status_message: z.string(), data })
export const Failure = z
  .object({
    code: z.enum(errorCodes),
    trace_id: TraceId,
    retry: z.boolean().describe("May the same request, unchanged, succeed later?"),
    retry_after_ms: z.int().min(0).optional().describe("As the Retry-After header, in milliseconds."),
    fields: z
      .record(z.string(), z.string())
      .optional()
      .describe("What is wrong with each field of an answer, by its key."),
  })
  .meta({ id: "Failure" })

export interface Route {
  readonly method: "get" | "post" | "put" | "delete"
  /** With `:name` for what varies. */
  readonly path: string
  /** One line, also the name of it in lists. */
  readonly summary: string
  /** What one has to know besides. */
  readonly description?: string
  /** Answered without a token. */
  readonly open?: true
  readonly param?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  /** Instead of a body: the parts of a form, which are read as they come (multipart/form-data). */
  readonly form?: z.ZodObject
  /** Of the answer when all goes well. Default: 200. */
  readonly status?: 101 | 201
  /** What `data` holds. Without it the answer is no envelope. */
  readonly data?: z.ZodType
  /** Takes the fields of a page's form, answers and refuses with a page for people. */
  readonly page?: true
  /** The answer is the content of a file, or a part of it. */
  readonly content?: true
  /** MIME types of an answer that is neither. */
  readonly answers?: readonly string[]
  /** Beyond those that every route of its kind may give. */
  readonly errors?: readonly ErrorCode[]
}

type Rest = Omit<Route, "method" | "path">
/** A row of the table, with its types as they are written. */
export function route<const M extends Route["method"], const P extends string, const R extends Rest>(
  m: M,
  path: P,
  rest: R,
) {
  return { method: m, path, ...rest }
}
