// What is of the moment in the chats here: who looks on, who is writing, what has been read. Instances tell each other by notes.
import type { Principal } from "../auth/token.ts"
import type { Note } from "../bus/bus.ts"
import type { Cancel } from "../clock.ts"
import type { Read } from "../protocol/server-frame.ts"
import type { Follower } from "./follower.ts"
import type { LiveChat } from "./live-chat.ts"
import { Presence, type PresenceDeps } from "./presence.ts"
import { Reading, type ReadingDeps } from "./reading.ts"
import { Typing } from "./typing.ts"

export class Moment {
  readonly presence: Presence
  readonly #typing: Typing
  readonly #reading: Reading
  readonly #chats: PresenceDeps["chats"]
  #cancel: Cancel = () => undefined

  constructor(deps: PresenceDeps & ReadingDeps) {
    this.#chats = deps.chats
    this.presence = new Presence(deps)
    this.#typing = new Typing(deps)
    this.#reading = new Reading(deps)
  }

  start(): void {
    this.#cancel = this.presence.start()
  }

  /** What was read and is not kept yet is kept. */
  async stop(): Promise<void> {
    this.#cancel()
    this.#typing.stop()
    await this.#reading.stop()
  }

  /** A device that has joined the chat is writing, or no longer (P5.10). */
  typing(session_id: string, follower: Follower, on: boolean): void {
    const chat = this.#chats.peek(session_id)
    if (chat) this.#typing.set(chat, follower, on)
  }

  /** A device has shown everything up to `seq` (P5.11). */
  read(session_id: string, { user_id }: Principal, seq: number): void {
    const chat = this.#chats.peek(session_id)
    if (chat) this.#reading.read(chat, user_id, seq)
  }

  /** A device left the chat. */
  left(session_id: string, follower: Follower): void {
    const chat = this.#chats.peek(session_id)
    if (chat) this.#typing.left(chat, follower)
  }

  /** What the store, or another instance, has kept as read. */
  kept(chat: LiveChat, read: Read): void {
    this.#reading.heard(chat, read)
  }

  heard(chat: LiveChat, note: Note): void {
    if (note.type === "here") this.presence.heard(chat, note.data)
    else if (note.type === "typing") this.#typing.heard(chat, note.data)
    else this.#reading.heard(chat, note.data)
  }

  /** The chat left memory here. */
  forget(session_id: string): void {
    this.presence.forget(session_id)
    this.#typing.forget(session_id)
  }
}
