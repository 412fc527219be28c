// The chats that one socket speaks in: the URL's, its home, and others of the same user that it names in frames (P1.5).
import type { ResumeRequest } from "../chat/resume.ts"
import { ChatError } from "../errors.ts"
import type { Session } from "../protocol/session.ts"
import type { Connection } from "./connection.ts"

interface Known {
  readonly session_id: string
  joined: boolean
}

export class JoinedChats {
  readonly #connection: Connection
  readonly #chats = new Map<string, Known>()
  #home: string | null = null

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The URL's chat; null until it is there. */
  get home(): string | null {
    return this.#home
  }

  enter({ chat_id, id }: Session): void {
    this.#home = chat_id
    this.#chats.set(chat_id, { session_id: id, joined: false })
  }

  isJoined(chat_id: string): boolean {
    return this.#chats.get(chat_id)?.joined ?? false
  }

  /** Session ids of the chats that it follows. */
  joined(): string[] {
    return [...this.#chats.values()].filter(({ joined }) => joined).map(({ session_id }) => session_id)
  }

  /** The highest seq of each, for the ping (P7.1). */
  tops(): Record<string, number> {
    const { manager } = this.#connection.deps
    return Object.fromEntries(
      [...this.#chats]
        .filter(([, { joined }]) => joined)
        .map(([chat_id, { session_id }]) => [chat_id, manager.top(session_id) ?? 0]),
    )
  }

  /** Joins, or joins again (P5.7). */
  async join(chat_id: string, request: ResumeRequest): Promise<void> {
    const known = await this.#find(chat_id)
    known.joined = true
    try {
      await this.#connection.deps.manager.join(this.#connection, known.session_id, request)
    } catch (error) {
      known.joined = false
      throw error
    }
  }

  /** The session of a chat that it has joined, after joining it if need be (P5.1). */
  async sessionOf(chat_id: string, trace_id: string): Promise<string> {
    if (!this.isJoined(chat_id)) await this.join(chat_id, { trace_id })
    return (await this.#find(chat_id)).session_id
  }

  /** Takes a chat away; returns its name if it was known. */
  forget(session_id: string): string | undefined {
    for (const [chat_id, known] of this.#chats) {
      if (known.session_id !== session_id) continue
      if (chat_id === this.#home) known.joined = false
      else this.#chats.delete(chat_id)
      return chat_id
    }
    return undefined
  }

  async #find(chat_id: string): Promise<Known> {
    const known = this.#chats.get(chat_id)
    if (known) return known
    const { manager, config } = this.#connection.deps
    const limit = config.max_chats_per_connection
    if (this.#chats.size >= limit) throw new ChatError("too_many_chats", { params: { limit } })
    const { id: session_id } = await manager.findOwn(this.#connection.principal, chat_id)
    const found: Known = { session_id, joined: false }
    this.#chats.set(chat_id, found)
    return found
  }
}
