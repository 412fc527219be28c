// The chats that are in memory here: brought in when somebody needs one, let go when nobody has for a while.
import type { Bus, BusFrame, Note } from "../bus/bus.ts"
import type { Cancel } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { loadChat } from "../store/events.ts"
import { pauseAll } from "../store/session-changes.ts"
import { LiveChat, type LiveChatDeps } from "./live-chat.ts"

export interface LiveChatsDeps extends LiveChatDeps {
  readonly bus: Bus
  /** How long a chat that nobody needs is kept, in milliseconds. */
  readonly keep_ms: number
  /** What instances tell each other, and no client. */
  onNote(chat: LiveChat, note: Note): void
  /** A chat is about to leave memory. */
  onIdle(chat: LiveChat): Promise<void>
}

export class LiveChats implements Iterable<LiveChat> {
  readonly #deps: LiveChatsDeps
  readonly #chats = new Map<string, LiveChat>()
  /** Chats on their way in, with what the bus delivered meanwhile. */
  readonly #loading = new Map<string, { chat: Promise<LiveChat>; early: BusFrame[] }>()
  readonly #leaving = new Map<string, Cancel>()
  /** Chats that left and whose row is being brought up to date. */
  readonly #left = new Map<string, Promise<void>>()
  #closed = false

  constructor(deps: LiveChatsDeps) {
    this.#deps = deps
    deps.bus.onDelivery((session_id, frame) => this.#deliver(session_id, frame))
  }

  [Symbol.iterator](): Iterator<LiveChat> {
    return this.#chats.values()
  }

  get size(): number {
    return this.#chats.size
  }

  peek(session_id: string): LiveChat | undefined {
    return this.#chats.get(session_id)
  }

  /** The chat, from memory or from the store. It stays for at least `keep_ms` from now. */
  async open(session_id: string): Promise<LiveChat> {
    const chat = this.#chats.get(session_id) ?? (await (this.#loading.get(session_id)?.chat ?? this.#load(session_id)))
    this.touch(chat)
    return chat
  }

  /** Works with a chat, which does not leave memory meanwhile: there is never a second one of the same session. */
  async with<T>(session_id: string, work: (chat: LiveChat) => Promise<T>): Promise<T> {
    const chat = await this.open(session_id)
    this.hold(chat)
    try {
      return await work(chat)
    } finally {
      this.letGo(chat)
    }
  }

  /** Keeps a chat in memory until it is let go, as often as it is held. */
  hold(chat: LiveChat): void {
    chat.holds += 1
    this.touch(chat)
  }

  letGo(chat: LiveChat): void {
    chat.holds -= 1
    this.touch(chat)
  }

  /** Somebody came, left, or did something: the time until the chat may go starts anew. */
  touch(chat: LiveChat): void {
    const { id } = chat.session
    this.#leaving.get(id)?.()
    this.#leaving.delete(id)
    if (chat.needed || this.#closed) return
    this.#leaving.set(
      id,
      this.#deps.clock.after(this.#deps.keep_ms, () => this.#release(chat)),
    )
  }

  /** The instance stops: nobody is in its chats any more. */
  async close(): Promise<void> {
    this.#closed = true
    for (const cancel of this.#leaving.values()) cancel()
    this.#leaving.clear()
    try {
      await pauseAll(this.#deps.db, [...this.#chats.keys()])
    } catch (error) {
      this.#deps.log.warn({ err: error }, "the chats could not be paused")
    }
  }

  #load(session_id: string): Promise<LiveChat> {
    const early: BusFrame[] = []
    // Before the read, so that nothing falls between what was read and what is delivered.
    this.#deps.bus.subscribe(session_id)
    const chat = this.#read(session_id, early)
    this.#loading.set(session_id, { chat, early })
    return chat
  }

  async #read(session_id: string, early: BusFrame[]): Promise<LiveChat> {
    try {
      await this.#left.get(session_id)
      const state = await loadChat(this.#deps.db, session_id)
      if (!state) throw new ChatError("not_found", { params: { what: "chat" } })
      const chat = new LiveChat(state, this.#deps)
      this.#chats.set(session_id, chat)
      for (const frame of early) this.#pass(chat, frame)
      return chat
    } catch (error) {
      this.#deps.bus.unsubscribe(session_id)
      throw error
    } finally {
      this.#loading.delete(session_id)
    }
  }

  #pass(chat: LiveChat, frame: BusFrame): void {
    if (frame.type === "here" || frame.type === "typing" || frame.type === "read") this.#deps.onNote(chat, frame)
    else chat.accept(frame)
  }

  #deliver(session_id: string, frame: BusFrame): void {
    const chat = this.#chats.get(session_id)
    if (!chat) {
      this.#loading.get(session_id)?.early.push(frame)
      return
    }
    try {
      this.#pass(chat, frame)
    } catch (error) {
      // Whoever published it has stored it already, and may not be told that it failed.
      this.#deps.log.error({ err: error, chat_id: chat.session.chat_id }, "a frame could not be passed on")
    }
  }

  #release(chat: LiveChat): void {
    const { id, chat_id } = chat.session
    this.#leaving.delete(id)
    this.#chats.delete(id)
    this.#deps.bus.unsubscribe(id)
    const left = this.#deps
      .onIdle(chat)
      .catch((error: unknown) => this.#deps.log.warn({ err: error, chat_id }, "the chat could not be paused"))
      .finally(() => this.#left.delete(id))
    this.#left.set(id, left)
  }
}
