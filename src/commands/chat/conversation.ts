// The chat that is open in the terminal: saying, stopping, changing to another one.
import { type Chat, connectChat } from "../../client/chat.ts"
import { ClientError } from "../../client/error.ts"
import type { Say } from "../../client/say.ts"
import type { Field } from "../../protocol/form.ts"
import type { ChatType } from "../../protocol/session.ts"
import type { Question } from "../../protocol/turn.ts"
import { Exchanges } from "./exchanges.ts"
import { Form } from "./form.ts"
import type { ChatCommandOptions } from "./options.ts"
import type { Screen } from "./screen.ts"
import type { Service } from "./service.ts"
import { Transcript } from "./transcript.ts"

export interface Place {
  readonly flow_id: string
  readonly chat_type: ChatType
  /** Undefined: a new chat. */
  readonly chat_id?: string | undefined
}

export interface ConversationSink {
  /** Something may have come to rest: look whether to prompt. */
  changed(): void
  /** The service ended the connection for good. */
  lost(error: ClientError): void
}

export interface ConversationDeps {
  readonly options: ChatCommandOptions
  readonly service: Service
  readonly screen: Screen
}

export class Conversation {
  readonly #options: ChatCommandOptions
  readonly #service: Service
  readonly #screen: Screen
  readonly #sink: ConversationSink
  #exchanges = new Exchanges()
  #chat: Chat
  #place: Place
  #stopping = false
  #form: Form | null = null

  constructor({ options, service, screen }: ConversationDeps, place: Place, sink: ConversationSink) {
    this.#options = options
    this.#service = service
    this.#screen = screen
    this.#sink = sink
    this.#place = place
    this.#chat = this.#connect(place)
  }

  get chat_id(): string {
    return this.#chat.chat_id
  }

  /** A new chat with the same bot, or with another. */
  another(chat_type: ChatType = this.#place.chat_type): Place {
    return { flow_id: this.#place.flow_id, chat_type }
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

  /** The type of the field that the next line is for, when the bot's question has fields. */
  get asking(): Field["type"] | undefined {
    return this.busy ? undefined : this.#form?.asking
  }

  /** Takes a line for a field of the question; with the last one the answer is sent, as in `say`. */
  async answer(line: string): Promise<boolean> {
    const form = this.#form
    if (!form) return false
    try {
      await form.take(line)
    } catch (error) {
      this.#screen.note(`[${error instanceof Error ? error.message : String(error)}]`)
    }
    if (!form.answer) {
      this.#screen.line(form.prompt)
      return true
    }
    this.#form = null
    return this.say({ kind: "input", input_id: form.input_id, answer: { ...form.answer } }, form)
  }

  /** Looks whether the bot asks something with fields, that is not being answered yet. */
  #ask(question: Question | null): void {
    if (this.#form && this.#form.input_id === question?.input_id) return
    this.#form =
      question && question.fields.length > 0 ? new Form(question, (path) => this.#service.upload(path)) : null
    if (this.#form) this.#screen.line(this.#form.prompt)
  }

  /** What was wrong in a form is asked for again, the rest of it is kept. */
  #askAgain(form: Form, keys: readonly string[]): void {
    if (this.#chat.question?.input_id !== form.input_id || !form.reopen(keys)) return
    this.#form = form
    this.#screen.line(form.prompt)
  }

  /** Resolves when it has been answered: false when it was refused or the answer failed. Says why by itself. */
  async say(said: string | Say, form?: Form): Promise<boolean> {
    const id = crypto.randomUUID()
    const exchanges = this.#exchanges
    const answered = exchanges.begin(id)
    try {
      await this.#chat.send(said, { id })
    } catch (error) {
      exchanges.fail(id)
      if (error instanceof ClientError && error.code === "closed") return false
      this.#screen.note(`[not sent: ${error instanceof Error ? error.message : String(error)}]`)
      const faults = Object.entries(error instanceof ClientError ? (error.fields ?? {}) : {})
      for (const [key, problem] of faults) this.#screen.note(`  ${key}: ${problem}`)
      if (form)
        this.#askAgain(
          form,
          faults.map(([key]) => key),
        )
      this.#ask(this.#chat.question)
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
    this.#form = null
    this.#place = place
    this.#chat = this.#connect(place)
  }

  close(): void {
    this.#chat.close()
    this.#exchanges.failAll()
  }

  #connect({ flow_id, chat_type, chat_id }: Place): Chat {
    const { url, token, lang } = this.#options
    const chat = connectChat({
      ...{ url, token, flow_id, chat_type },
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
    for (const type of ["end", "message", "status"] as const) chat.on(type, () => this.#ask(chat.question))
    for (const type of ["message", "result", "end", "status", "snapshot", "interrupt", "error"] as const) {
      chat.on(type, () => this.#sink.changed())
    }
    chat.on("connection", (state) => {
      if (state.state === "closed" && state.error) this.#sink.lost(state.error)
      if (state.state === "connected") this.#reopened(chat.question)
      this.#sink.changed()
    })
    return chat
  }

  /** A question may have waited since long before this device came. */
  #reopened(question: Question | null): void {
    if (question && this.#form?.input_id !== question.input_id) this.#screen.line(question.prompt)
    this.#ask(question)
  }
}
