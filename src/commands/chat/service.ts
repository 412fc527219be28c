// What the terminal client asks over REST: which chats there are, what was said in them, their names.
import { basename } from "node:path"
import { ClientError } from "../../client/error.ts"
import { fetchToken, type TokenSource } from "../../client/token.ts"
import type { Message } from "../../protocol/message.ts"
import type { Session } from "../../protocol/session.ts"

/** How long an answer may take, in milliseconds. */
const patience = 15_000

export interface ServiceOptions {
  /** http://host:port */
  readonly rest: string
  readonly token: TokenSource
  readonly lang: string | undefined
}

interface Answer<T> {
  readonly status_message: string
  readonly data: T & { readonly code?: string }
}

/** Its verbs reject with ClientError: a code of the service with its sentence, or `unreachable`. */
export class Service {
  readonly #options: ServiceOptions

  constructor(options: ServiceOptions) {
    this.#options = options
  }

  /** The last updated first. */
  async sessions(
    limit: number,
    of: Partial<Record<"flow_id" | "chat_type", string | undefined>> = {},
  ): Promise<Session[]> {
    const chosen = Object.entries(of).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
    const query = { limit: String(limit), ...Object.fromEntries(chosen) }
    return (await this.#ask<{ items: Session[] }>("GET", "/chat/session/list", query)).items
  }

  /** Null when the caller has no such chat. */
  async session(chat_id: string): Promise<Session | null> {
    try {
      return await this.#ask<Session>("GET", `/chat/session/${encodeURIComponent(chat_id)}`)
    } catch (error) {
      if (error instanceof ClientError && error.code === "not_found") return null
      throw error
    }
  }

  async rename(chat_id: string, topic: string): Promise<void> {
    await this.#ask<Session>("PUT", `/chat/session/${encodeURIComponent(chat_id)}`, {}, { topic })
  }

  /** The last messages, oldest first. */
  async history(chat_id: string, limit: number): Promise<Message[]> {
    const query = { chat_id, limit: String(limit) }
    return (await this.#ask<{ items: Message[] }>("GET", "/chat/message/history", query)).items.reverse()
  }

  /** Uploads a file of this machine; resolves with its file_id. */
  async upload(path: string): Promise<string> {
    const file = Bun.file(path)
    if (!(await file.exists())) throw new ClientError("not_found", `There is no file ${path}`)
    const form = new FormData()
    form.append("file", file, basename(path))
    return (await this.#ask<{ file_id: string }>("POST", "/chat/file", {}, form)).file_id
  }

  /** The service keeps its documented word about `data` (/openapi.json); it is not checked again here. */
  async #ask<T>(method: string, path: string, query: Record<string, string> = {}, body?: object): Promise<T> {
    const { rest, lang } = this.#options
    const signal = AbortSignal.timeout(patience)
    const token = await fetchToken(this.#options.token, signal)
    if (typeof token !== "string") throw token
    const address = `${rest}${path}?${new URLSearchParams({ ...query, ...(lang === undefined ? {} : { lang }) })}`
    const isForm = body instanceof FormData
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body && !isForm ? { "content-type": "application/json" } : {}),
    }
    let answer: Answer<T>
    let ok: boolean
    try {
      const response = await fetch(address, {
        method,
        headers,
        signal,
        ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
      })
      ok = response.ok
      answer = (await response.json()) as Answer<T>
    } catch (cause) {
      throw new ClientError("unreachable", `No answer from ${rest}: is the service running there? (bun run start)`, {
        cause,
      })
    }
    if (ok) return answer.data
    throw new ClientError(answer.data.code ?? "internal", answer.status_message)
  }
}
