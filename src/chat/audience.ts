// Who looks at which chat: somebody comes, is brought to the present, and goes.
import { ChatError } from "../errors.ts"
import { encode } from "../protocol/codec.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { Gathered } from "../store/gathered.ts"
import type { Emitter } from "./emit.ts"
import type { Follower } from "./follower.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"
import type { LiveChats } from "./live-chats.ts"
import { type ResumeDeps, type ResumeRequest, resume } from "./resume.ts"
import { mayLifecycle } from "./state.ts"

export interface AudienceDeps extends ResumeDeps {
  readonly chats: LiveChats
  readonly emitter: Emitter
  /** By session id: makes it active; false when it was, or has ended. */
  readonly wakes: Gathered<string, boolean>
  /** Chats that this instance serves at the same time. */
  readonly max_concurrent_sessions: number
  /** Of them, those that one user may look at: nobody may shut out all others. */
  readonly max_chats_per_user: number
}

export interface ActiveSession {
  readonly session: Session
  readonly connections: number
  readonly running: boolean
}

export class Audience {
  readonly #deps: AudienceDeps
  /** How many chats each user looks at, counted once for each socket. */
  readonly #looking = new Map<number, number>()

  constructor(deps: AudienceDeps) {
    this.#deps = deps
  }

  /** Brings a client to the present of a chat and leaves it live (section 5). */
  join(follower: Follower, session_id: string, request: ResumeRequest): Promise<void> {
    const { chats } = this.#deps
    this.#checkRoom(chats.peek(session_id))
    return chats.with(session_id, async (chat) => {
      if (chat.session.deleted_at) throw new ChatError("chat_deleted")
      this.#checkRoom(chat)
      // It may have gone while the chat was read.
      if (!follower.open) return
      this.#add(chat, follower)
      try {
        await this.#wake(chat, request.trace_id)
        await resume(this.#deps, chat, follower, request)
      } catch (error) {
        this.leave(session_id, follower)
        throw error
      }
    })
  }

  /** Sends again what is being said, to a client that was too slow for the deltas (P7.5). */
  catchUp(follower: Follower, session_id: string): void {
    const chat = this.#deps.chats.peek(session_id)
    if (!chat?.followers.includes(follower)) return
    for (const frame of chat.catchUp()) follower.send(encode(frame))
  }

  leave(session_id: string, follower: Follower): void {
    const chat = this.#deps.chats.peek(session_id)
    const place = chat?.followers.indexOf(follower) ?? -1
    if (!chat || place === -1) return
    chat.followers.splice(place, 1)
    this.#count(follower, -1)
    follower.unfollow(session_id)
    this.#deps.presence.changed(chat)
    this.#deps.chats.touch(chat)
  }

  /** Sends everybody away from a chat, and tells them why. */
  empty(session_id: string, why: ChatError): void {
    for (const follower of [...(this.#deps.chats.peek(session_id)?.followers ?? [])]) {
      this.leave(session_id, follower)
      follower.drop(session_id, why)
    }
  }

  /** Another instance let a chat rest that somebody here looks at. */
  async rouse(chat: LiveChat): Promise<void> {
    if (chat.followers.length === 0) return
    await this.#deps.wakes.do(chat.session.id)
  }

  /** Chats that somebody here looks at, or that a turn runs in. */
  active(): ActiveSession[] {
    return [...this.#deps.chats].filter(isActive).map((chat) => ({
      session: chat.session,
      connections: chat.followers.length,
      running: chat.running !== null,
    }))
  }

  #add(chat: LiveChat, follower: Follower): void {
    if (chat.followers.includes(follower)) return
    const limit = this.#deps.max_chats_per_user
    if ((this.#looking.get(follower.principal.user_id) ?? 0) >= limit) {
      throw new ChatError("too_many_chats", { params: { limit } })
    }
    chat.followers.push(follower)
    this.#count(follower, 1)
    this.#deps.presence.changed(chat)
  }

  #count({ principal: { user_id } }: Follower, by: 1 | -1): void {
    const count = (this.#looking.get(user_id) ?? 0) + by
    if (count > 0) this.#looking.set(user_id, count)
    else this.#looking.delete(user_id)
  }

  /** Throws when one more chat would be too many. */
  #checkRoom(chat: LiveChat | undefined): void {
    const { chats, max_concurrent_sessions: limit } = this.#deps
    if ((chat && isActive(chat)) || chats.size < limit || this.active().length < limit) return
    throw new ChatError("too_many_sessions", { retry_after_ms: 5000 })
  }

  /** A chat that nobody looked at is active again. Of the moment, not of the log: it says nothing about what was said. */
  async #wake(chat: LiveChat, trace_id: string): Promise<void> {
    const { id, chat_id, lifecycle } = chat.session
    if (!mayLifecycle(lifecycle, "active")) return
    if (!(await this.#deps.wakes.do(id))) return
    const data: Status = { ...statusOf(chat), lifecycle: "active" }
    this.#deps.emitter.publish(id, { type: "status", data, trace_id, chat_id })
  }
}

function isActive(chat: LiveChat): boolean {
  return chat.followers.length > 0 || chat.running !== null
}
