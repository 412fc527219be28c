// Names chats that nobody has named, in the background: no turn and no shutdown waits for it, and no name is overwritten.
import type { Clock } from "../clock.ts"
import type { ModelService } from "../handlers/ask-model.ts"
import { askForTitle, titleFromWords } from "../handlers/titler.ts"
import type { Log } from "../log.ts"
import type { Config } from "../settings.ts"
import type { Database } from "../store/database.ts"
import { untitledOpening } from "../store/titles.ts"
import type { Emitter } from "./emit.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"
import type { LiveChats } from "./live-chats.ts"

export interface TitlesDeps {
  readonly db: Database
  readonly emitter: Emitter
  readonly clock: Clock
  readonly log: Log
  readonly config: Pick<Config, "model" | "chat">
  readonly chats: Pick<LiveChats, "hold" | "letGo">
}

export class Titles {
  readonly #deps: TitlesDeps
  readonly #service: ModelService | undefined
  readonly #closing = new AbortController()
  /** Sessions that are being named here. */
  readonly #at = new Set<string>()

  constructor(deps: TitlesDeps) {
    this.#deps = deps
    const { model, chat } = deps.config
    const { base_url } = model
    this.#service = base_url !== undefined && chat.auto_title !== "words" ? { ...model, base_url } : undefined
  }

  /** A turn came to its end, and all of it is stored. Returns at once. */
  answered(chat: LiveChat, trace_id: string): void {
    const { id, topic } = chat.session
    if (this.#deps.config.chat.auto_title === "off" || topic !== null) return
    if (this.#closing.signal.aborted || this.#at.has(id)) return
    this.#at.add(id)
    this.#deps.chats.hold(chat)
    this.#name(chat, trace_id)
      .catch((error: unknown) => this.#deps.log.warn({ err: error, trace_id }, "the chat was not named"))
      .finally(() => {
        this.#at.delete(id)
        this.#deps.chats.letGo(chat)
      })
  }

  /** The instance stops: what is not named yet will not be named here. */
  close(): void {
    this.#closing.abort()
  }

  async #name(chat: LiveChat, trace_id: string): Promise<void> {
    const opening = await untitledOpening(this.#deps.db, chat.session.id)
    if (opening.length === 0) return
    const title = (await this.#ask(opening, trace_id)) ?? titleFromWords(opening)
    if (title === undefined || this.#closing.signal.aborted) return
    const { turns, question } = chat
    const data = statusOf({ session: { ...chat.session, topic: title }, turns, question }, ["topic"])
    await this.#deps.emitter.append(chat.session, {
      trace_id,
      // Somebody may have named it meanwhile, here or elsewhere.
      guard: { untitled: true },
      events: [{ kind: "status", ref: null, data }],
      session: { topic: title },
    })
  }

  /** Undefined: there is no model, or it had nothing to say. */
  async #ask(opening: Parameters<typeof askForTitle>[1], trace_id: string): Promise<string | undefined> {
    const { clock, log } = this.#deps
    const { signal } = this.#closing
    if (!this.#service) return undefined
    try {
      return await askForTitle(this.#service, opening, { signal, clock })
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, trace_id }, "the model gave no title")
      return undefined
    }
  }
}
