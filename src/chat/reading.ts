// Up to where the owner of a chat has read. Every device tells it all the time, so it is gathered for a moment: one statement
// for all chats, and one word to their devices (P5.11).
import type { Bus } from "../bus/bus.ts"
import type { Cancel, Clock } from "../clock.ts"
import { newTraceId } from "../ids.ts"
import type { Log } from "../log.ts"
import type { Database } from "../store/database.ts"
import { moveReadSeqs } from "../store/session-changes.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"

export interface ReadingDeps {
  readonly db: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
}

/** Milliseconds; and when the store is away. */
const gather = 250
const again = 2000

export class Reading {
  readonly #deps: ReadingDeps
  /** By session. */
  #waiting = new Map<string, { readonly user_id: number; readonly seq: number }>()
  #cancel: Cancel | null = null
  #flushing: Promise<void> = Promise.resolve()

  constructor(deps: ReadingDeps) {
    this.#deps = deps
  }

  /** A device of this user has shown everything up to `seq`. */
  read({ session: { id, user_id, read_seq } }: LiveChat, by: number, seq: number): void {
    if (by !== user_id || seq <= Math.max(read_seq, this.#waiting.get(id)?.seq ?? 0)) return
    this.#waiting.set(id, { user_id, seq })
    this.#wake(gather)
  }

  /** So far it has come, as this instance or another one has kept. Tells those who look on, if it is news. */
  heard(chat: LiveChat, read: { readonly user_id: number; readonly seq: number }): void {
    const { chat_id, read_seq } = chat.session
    if (read.seq <= read_seq) return
    chat.accept({ type: "status", data: { ...statusOf(chat), read }, trace_id: newTraceId(), chat_id })
  }

  /** Keeps what is waiting. */
  async stop(): Promise<void> {
    this.#cancel?.()
    await this.#flushing
    await this.#flush()
    this.#cancel?.()
  }

  #wake(ms: number): void {
    this.#cancel ??= this.#deps.clock.after(ms, () => {
      this.#cancel = null
      this.#flushing = this.#flushing.then(() => this.#flush())
    })
  }

  async #flush(): Promise<void> {
    const { db, bus, log } = this.#deps
    const taken = this.#waiting
    if (taken.size === 0) return
    this.#waiting = new Map()
    try {
      const moved = await moveReadSeqs(
        db,
        [...taken].map(([id, { seq }]) => ({ id, seq })),
      )
      for (const { id, read_seq: seq } of moved) {
        const user_id = taken.get(id)?.user_id
        if (user_id !== undefined) bus.publish(id, { type: "read", data: { user_id, seq } })
      }
    } catch (error) {
      log.warn({ err: error }, "what was read could not be kept yet")
      for (const [id, one] of taken) if (!this.#waiting.has(id)) this.#waiting.set(id, one)
      this.#wake(again)
    }
  }
}
