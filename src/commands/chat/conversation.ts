// The chat that is open in the terminal: saying, stopping, changing to another one.
import { type Chat, connectChat } from "../../client/chat.ts"
import { ClientError } from "../../client/error.ts"
import type { Say } from "../../client/say.ts"
import { Exchanges } from "./exchanges.ts"
import type { ChatCommandOptions } from "./options.ts"
import type { Screen } from "./screen.ts"
import { Transcript } from "./transcript.ts"

export interface Place {
  readonly flow_id: string
  /** Undefined: a new chat. */
  readonly chat_id?: string | undefined
}

export interface ConversationSink {
  /** Something may have come to rest: look whether to prompt. */
  changed(): void
  /** The service ended the connection for good. */
  lost(error: ClientError): void
}

export class Conversation {
  readonly #options: ChatCommandOptions
  readonly #screen: Screen
  readonly #sink: ConversationSink
  #exchanges = new Exchanges()
  #chat: Chat
  #place: Place
  #stopping = false

  constructor(options: ChatCommandOptions, place: Place, screen: Screen, sink: ConversationSink) {
    this.#options = options
    this.#screen = screen
    this.#sink = sink
    this.#place = place
    this.#chat = this.#connect(place)
  }

  get chat_id(): string {
    return this.#chat.chat_id
  }

  get flow_id(): string {
    return this.#place.flow_id
  }

  /** Is an answer being given, or waited for? */
  get busy(): boolean {
    return this.#chat.turns.length > 0 || this.#exchanges.waiting
  }

  get unacked(): number {
    return this.#chat.unacked.length
  }

  /** Resolves when the chat is there and up to date; rejects with ClientError when it is closed before. */
  ready(): Promise<void> {
    return this.#chat.ready()
  }

  /** Resolves when it has been answered: false when it was refused or the answer failed. Says why by itself. */
  async say(said: string | Say): Promise<boolean> {
    const id = crypto.randomUUID()
    const exchanges = this.#exchanges
    const answered = exchanges.begin(id)
    try {
      await this.#chat.send(said, { id })
    } catch (error) {
      exchanges.fail(id)
      if (error instanceof ClientError && error.code === "closed") return false
      this.#screen.note(`[not sent: ${error instanceof Error ? error.message : String(error)}]`)
      this.#sink.changed()
    }
    return answered
  }

  /** Stops what is running. False when nothing is, or it was asked to stop before. */
  stop(): boolean {
    if (!this.busy || this.#stopping) return false
    this.#stopping = true
    this.#chat.interrupt().then(
      (result) => {
        if (result === "too_late") this.#stopping = false
      },
      (error) => {
        this.#stopping = false
        this.#screen.note(`[not stopped: ${error instanceof Error ? error.message : String(error)}]`)
        this.#sink.changed()
      },
    )
    return true
  }

  /** Leaves this chat for another one. */
  open(place: Place): void {
    this.close()
    this.#exchanges = new Exchanges()
    this.#stopping = false
    this.#place = place
    this.#chat = this.#connect(place)
  }

  close(): void {
    this.#chat.close()
    this.#exchanges.failAll()
  }

  #connect({ flow_id, chat_id }: Place): Chat {
    const { url, token, lang } = this.#options
    const chat = connectChat({
      ...{ url, token, flow_id },
      ...(chat_id === undefined ? {} : { chat_id }),
      ...(lang === undefined ? {} : { lang }),
    })
    const exchanges = this.#exchanges
    new Transcript(chat, this.#screen, exchanges)
    chat.on("message", (message) => exchanges.said(message))
    chat.on("result", (message) => exchanges.answered(message))
    chat.on("end", (end) => {
      this.#stopping = false
      exchanges.ended(end)
    })
    chat.on("snapshot", ({ messages }) => exchanges.reset(messages, chat.turns))
    for (const type of ["message", "result", "end", "status", "snapshot", "interrupt", "error"] as const) {
      chat.on(type, () => this.#sink.changed())
    }
    chat.on("connection", (state) => {
      if (state.state === "closed" && state.error) this.#sink.lost(state.error)
      this.#sink.changed()
    })
    return chat
  }
}
