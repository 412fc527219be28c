// The chats that one socket speaks in: the URL's, its home, and others of the same user that it names in frames (P1.5).
import type { ResumeRequest } from "../chat/resume.ts"
import { ChatError } from "../errors.ts"
import type { Session } from "../protocol/session.ts"
import type { Connection } from "./connection.ts"

interface Known {
  readonly chat_id: string
  readonly session_id: string
  joined: boolean
  /** Its frames go to the socket as they happen; not while that is still being brought up to date. */
  followed: boolean
}

export class JoinedChats {
  readonly #connection: Connection
  /** In order, home first; few, mostly one. A map of one entry takes 300 bytes more, of each connection. */
  #chats: readonly Known[] = []

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** The URL's chat; null until it is there. */
  get home(): string | null {
    return this.#chats[0]?.chat_id ?? null
  }

  enter({ chat_id, id }: Session): void {
    this.#chats = [{ chat_id, session_id: id, joined: false, followed: false }]
  }

  isJoined(chat_id: string): boolean {
    return this.#known(chat_id)?.joined ?? false
  }

  /** Session ids of the chats that it has joined. */
  joined(): string[] {
    return this.#chats.filter(({ joined }) => joined).map(({ session_id }) => session_id)
  }

  /** Session ids of those whose frames it gets as they happen. */
  followed(): string[] {
    return this.#chats.filter(({ followed }) => followed).map(({ session_id }) => session_id)
  }

  follow(session_id: string, on: boolean): void {
    const known = this.#chats.find((one) => one.session_id === session_id)
    if (known) known.followed = on
  }

  /** The highest seq of each, for the ping (P7.1). */
  tops(): Record<string, number> {
    const { manager } = this.#connection.deps
    return Object.fromEntries(
      this.#chats
        .filter(({ joined }) => joined)
        .map(({ chat_id, session_id }) => [chat_id, manager.top(session_id) ?? 0]),
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
    const known = this.#known(chat_id)
    if (known?.joined) return known.session_id
    await this.join(chat_id, { trace_id })
    return (await this.#find(chat_id)).session_id
  }

  /** Takes a chat away; returns its name if it was known. */
  forget(session_id: string): string | undefined {
    const known = this.#chats.find((one) => one.session_id === session_id)
    if (known && known.chat_id === this.home) known.joined = false
    else this.#chats = this.#chats.filter((one) => one !== known)
    return known?.chat_id
  }

  async #find(chat_id: string): Promise<Known> {
    const known = this.#known(chat_id)
    if (known) return known
    const { manager, config } = this.#connection.deps
    const limit = config.max_chats_per_connection
    if (this.#chats.length >= limit) throw new ChatError("too_many_chats", { params: { limit } })
    const { id: session_id } = await manager.findOwn(this.#connection.principal, chat_id)
    const found: Known = this.#known(chat_id) ?? { chat_id, session_id, joined: false, followed: false }
    if (!this.#chats.includes(found)) this.#chats = [...this.#chats, found]
    return found
  }

  #known(chat_id: string): Known | undefined {
    return this.#chats.find((one) => one.chat_id === chat_id)
  }
}
