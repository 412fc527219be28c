// Somebody who looks at chats: a socket today, another road tomorrow. What chat/ needs of it, and no more.
import type { Principal } from "../auth/token.ts"
import type { ChatError } from "../errors.ts"
import type { Language } from "../language/language.ts"

export interface Follower {
  readonly principal: Principal
  readonly language: Language
  /** False once it is gone; sending is then without effect. */
  readonly open: boolean
  /** To this one alone. */
  send(text: string): void
  /** What is sent within goes out together, where the road can do that. */
  together(send: () => void): void
  /** From now on it gets what is published to the chat. Takes effect at once, without a pause in between. */
  follow(session_id: string): void
  unfollow(session_id: string): void
  follows(session_id: string): boolean
  /** Something was published: if too much is waiting, it gets no more deltas until it has caught up (P7.5). */
  checkBacklog(): void
  /** So much waits for it that what can wait should. */
  readonly full: boolean
  /** Resolves when it is not full, or when it is gone. */
  writable(): Promise<void>
  /** The chat is no longer there for it: tells why, and ends if it came for this chat. */
  drop(session_id: string, error: ChatError): void
  /** Tells why and ends it. */
  close(error: ChatError): void
}

/** Who asks for something, and how to answer. */
export interface Caller {
  readonly principal: Principal
  readonly language: Language
  readonly trace_id: string
  /** What is said has its place behind all that this caller said before: more may be looked at while it is being stored. */
  inLine?(): void
}
