// Linsight's REST routes: they drive the work, and know its state when the socket has lost it.
import { z } from "zod"
import { ChatError } from "../../errors.ts"
import { readEventStream } from "./event-stream.ts"
import { LinsightTask, LinsightVersion } from "./linsight-event.ts"
import { errorOf } from "./refusal.ts"
import { parsed, type Service } from "./service.ts"

export const SubmitFile = z.looseObject({ file_id: z.string(), file_name: z.string(), parsing_status: z.string() })
export type SubmitFile = z.infer<typeof SubmitFile>

const Submitted = z.looseObject({ linsight_session_version: z.looseObject({ id: z.string(), session_id: z.string() }) })
const Title = z.looseObject({ task_title: z.string() })
const Refused = z.looseObject({ status_code: z.number(), status_message: z.unknown().optional() })
const Place = z.looseObject({ index: z.number().nullish() })
const Parsing = z.array(z.looseObject({ file_id: z.string(), parsing_status: z.string() }).nullable())

/** A piece of work is a version of a session. */
export interface Work {
  readonly session_id: string
  readonly session_version_id: string
}

export class LinsightApi {
  readonly #service: Service
  readonly #signal: AbortSignal

  constructor(service: Service, signal: AbortSignal) {
    this.#service = service
    this.#signal = signal
  }

  /** Hands in a question: first the work, then, when it has one, its title. */
  async *submit(body: object, signal: AbortSignal): AsyncGenerator<Work | { title: string }> {
    const stream = readEventStream(await this.#service.stream({ path: path("submit"), body, signal }))
    try {
      for (let event = await stream.next(signal); event; event = await stream.next(signal)) {
        const data = parsed(event.data)
        if (event.event === "error") throw this.#refused(data)
        const work = Submitted.safeParse(data).data?.linsight_session_version
        if (work) yield { session_id: work.session_id, session_version_id: work.id }
        const title = Title.safeParse(data).data?.task_title.trim()
        if (title) yield { title }
      }
    } finally {
      stream.close()
    }
  }

  async start({ session_version_id }: Work): Promise<void> {
    await this.#post("start-execute", { linsight_session_version_id: session_version_id })
  }

  async terminate({ session_version_id }: Work, signal: AbortSignal): Promise<void> {
    const body = { linsight_session_version_id: session_version_id }
    await this.#service.call({ path: path("terminate-execute"), body, signal })
  }

  async answer({ session_version_id }: Work, task_id: string, input_content: string, files: readonly SubmitFile[]) {
    const given = { linsight_execute_task_id: task_id, input_content, files: files.length > 0 ? files : null }
    await this.#post("user-input", { session_version_id, ...given })
  }

  async goOn({ session_version_id }: Work, question: string): Promise<void> {
    await this.#post("continue", { session_version_id, question })
  }

  /** Undefined: Bisheng does not know it any more. */
  async version({ session_id, session_version_id }: Work): Promise<LinsightVersion | undefined> {
    const rows = await this.#get("session-version-list", { session_id }, z.array(LinsightVersion))
    return rows.find(({ id }) => id === session_version_id)
  }

  tasks({ session_version_id }: Work): Promise<LinsightTask[]> {
    return this.#get("execute-task-detail", { session_version_id }, z.array(LinsightTask))
  }

  /** How many are before it; undefined: it is not in line. */
  async place({ session_version_id }: Work): Promise<number | undefined> {
    const { index } = await this.#get("queue-status", { session_version_id }, Place)
    return index ?? undefined
  }

  /** Which of the files are not read yet. */
  async unread(file_ids: readonly string[]): Promise<string[]> {
    const rows = Parsing.parse(await this.#post("file-parsing-status", { file_ids }))
    const done = new Set(rows.flatMap((row) => (row && row.parsing_status !== "running" ? [row.file_id] : [])))
    return file_ids.filter((file_id) => !done.has(file_id))
  }

  /** Where a file of the result can be opened. */
  async address({ session_version_id }: Work, file_url: string): Promise<string | undefined> {
    if (/^https?:/.test(file_url)) return file_url
    const data = await this.#post("file_download", { file_url, session_version_id })
    return z.looseObject({ file_path: z.string() }).safeParse(data).data?.file_path
  }

  #post(name: string, body: object): Promise<unknown> {
    return this.#service.call({ path: path(name), body, signal: this.#signal })
  }

  async #get<Schema extends z.ZodType>(
    name: string,
    query: Record<string, string>,
    schema: Schema,
  ): Promise<z.infer<Schema>> {
    const address = `${path(name)}?${new URLSearchParams(query)}`
    const data = await this.#service.call({ method: "GET", path: address, signal: this.#signal })
    const result = schema.safeParse(data)
    if (result.success) return result.data
    throw new ChatError("engine_failed", { cause: new Error(`bisheng's ${name} has an unknown shape`) })
  }

  #refused(data: unknown): ChatError {
    const { status_code, status_message } = Refused.safeParse(data).data ?? { status_code: 500, status_message: "" }
    const words = `linsight refused the question: ${status_code} ${String(status_message)}`
    return errorOf(status_code, new Error(this.#service.secrets.hide(words)))
  }
}

export function path(name: string): string {
  return `/api/v1/linsight/workbench/${name}`
}
