// Way 4: what somebody said becomes a message with a place, and mostly a turn. One method per kind, as in the seed.
import type { Clock } from "../clock.ts"
import { timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { newId } from "../ids.ts"
import type { ClientFrameOf, Said } from "../protocol/client-frame.ts"
import type { Part } from "../protocol/message.ts"
import type { Guard, NewMessage } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import type { Appended } from "../store/writer.ts"
import { type CommandEffect, commandEffect } from "./commands.ts"
import type { Emitter, Happening } from "./emit.ts"
import type { Caller } from "./follower.ts"
import type { LiveChat } from "./live-chat.ts"
import { refusalOf } from "./refusal.ts"
import type { HeldTurn } from "./turn.ts"

export interface MessageHandlerDeps {
  readonly db: Database
  readonly emitter: Emitter
  readonly clock: Clock
  readonly max_message_length: number
  readonly max_queued_turns: number
  lease(): { instance: string; lease_expires_at: number }
  /** The turn is running from now on, and it is for this instance to run it. */
  startTurn(chat: LiveChat, turn: HeldTurn): void
  /** Nobody knows whether the turn was stored. */
  adoptTurn(chat: LiveChat, turn_id: string): void
}

/** Where a message went: its place, and whether it was there before (P3.3). */
export interface Accepted {
  readonly seq: number
  readonly dup: boolean
}

/** One message on its way in. */
export interface Incoming<S extends Said = Said> {
  readonly chat: LiveChat
  readonly caller: Caller
  readonly said: S
  /** The frame's `id`. */
  readonly client_id: string | null
}

export class MessageHandler {
  readonly #deps: MessageHandlerDeps

  constructor(deps: MessageHandlerDeps) {
    this.#deps = deps
  }

  /** Takes a message; resolves when it is stored. Rejects with a ChatError when it was not. */
  handleMessage(
    chat: LiveChat,
    frame: Pick<ClientFrameOf<"message">, "data" | "id">,
    caller: Caller,
  ): Promise<Accepted> {
    const { data: said } = frame
    const incoming = { chat, caller, client_id: frame.id ?? null }
    switch (said.kind) {
      case "text":
        return this.processTextMessage({ ...incoming, said })
      case "file":
        return this.processFileMessage({ ...incoming, said })
      case "command":
        return this.processCommandMessage({ ...incoming, said })
      case "input":
        return this.processInputMessage({ ...incoming, said })
    }
  }

  async processTextMessage(incoming: Incoming<Extract<Said, { kind: "text" }>>): Promise<Accepted> {
    const { text } = incoming.said
    this.#checkLength(text)
    const question = incoming.chat.question
    if (!question) return this.#ask(incoming, this.#messageOf(incoming, text, []))
    // Somebody else may answer first; then this is an ordinary message (P6.7).
    const answer: Part = { type: "input", input_id: question.input_id, answer: text }
    const message = this.#messageOf(incoming, text, [answer])
    const happened = await this.#tryAsk(incoming, message, question.input_id)
    return happened ?? this.#ask(incoming, this.#messageOf(incoming, text, []))
  }

  async processFileMessage(incoming: Incoming<Extract<Said, { kind: "file" }>>): Promise<Accepted> {
    const { text, files } = incoming.said
    this.#checkLength(text)
    return this.#ask(
      incoming,
      this.#messageOf(
        incoming,
        text,
        files.map((file) => ({ type: "file", ...file })),
      ),
    )
  }

  /** The answer to a question of the bot; the first one wins. */
  async processInputMessage(incoming: Incoming<Extract<Said, { kind: "input" }>>): Promise<Accepted> {
    const { answer, input_id = incoming.chat.question?.input_id ?? "" } = incoming.said
    const text = typeof answer === "string" ? answer : JSON.stringify(answer)
    this.#checkLength(text)
    return this.#ask(incoming, this.#messageOf(incoming, text, [{ type: "input", input_id, answer }]), input_id)
  }

  /** A command takes effect at once, in the commit that stores it; it does not wait in line and is no turn. */
  async processCommandMessage(incoming: Incoming<Extract<Said, { kind: "command" }>>): Promise<Accepted> {
    const { chat, caller, said } = incoming
    this.#checkLength(said.command)
    const message = this.#messageOf(incoming, said.command, [], null)
    const done = await this.#tryCommand(incoming, message, commandEffect(said.command, chat, caller))
    if (done) return done
    // Perhaps the turn to be stopped ended in this moment.
    const late = commandEffect(said.command, { session: chat.session, turns: [], question: null }, caller)
    return (await this.#tryCommand(incoming, message, late)) ?? this.#refuse(incoming, message, this.#once(incoming))
  }

  async #tryCommand(incoming: Incoming, message: NewMessage, effect: CommandEffect): Promise<Accepted | undefined> {
    const { chat, caller } = incoming
    const reply: NewMessage = {
      ...this.#messageOf({ ...incoming, client_id: null }, effect.reply, [], null),
      is_bot: true,
      kind: "text",
      extra: null,
      reply_to: message.id,
    }
    const appended = await this.#deps.emitter.append(chat.session, {
      trace_id: caller.trace_id,
      guard: { ...this.#once(incoming), open: true, ...effect.guard },
      messages: [message, reply],
      events: [
        { kind: "message", ref: message.id, data: null },
        ...effect.events,
        { kind: "result", ref: reply.id, data: null },
      ],
      ...effect.change,
    })
    const seq = appended.seqs[0]
    return seq === undefined ? undefined : { seq, dup: false }
  }

  async #ask(incoming: Incoming, message: NewMessage, question?: string): Promise<Accepted> {
    const guard = this.#guardOf(incoming, question)
    return (await this.#tryAsk(incoming, message, question)) ?? this.#refuse(incoming, message, guard)
  }

  /** Stores the message with its turn; starts the turn if the chat was idle. Undefined: a guard did not hold. */
  async #tryAsk(incoming: Incoming, message: NewMessage, question?: string): Promise<Accepted | undefined> {
    const { chat, caller } = incoming
    const { emitter } = this.#deps
    const turn = { id: message.turn_id ?? newId("turn"), answer_id: newId("message") }
    const happening: Happening = {
      trace_id: caller.trace_id,
      guard: this.#guardOf(incoming, question),
      messages: [message],
      events: [{ kind: "message", ref: message.id, data: null }],
      new_turn: { ...turn, message_id: message.id, language: caller.language, ...this.#deps.lease() },
      ...(question === undefined ? {} : { answer_input: { id: question, message_id: message.id } }),
      session: { lifecycle: "active" },
    }
    const appended: Appended = await emitter.append(chat.session, happening).catch((error: unknown) => {
      if (ChatError.within(error)?.code === "store_unavailable") this.#deps.adoptTurn(chat, turn.id)
      throw error
    })
    const seq = appended.seqs[0]
    if (seq === undefined) return undefined
    if (appended.turn_state === "running") {
      const { trace_id, language } = caller
      this.#deps.startTurn(chat, {
        ...turn,
        seq,
        generation: 1,
        trace_id,
        language,
        question: { ...message, seq },
        attempts: 1,
        resume: null,
      })
    }
    return { seq, dup: false }
  }

  async #refuse(incoming: Incoming, message: NewMessage, guard: Guard): Promise<Accepted> {
    const { seq } = await refusalOf(this.#deps.db, incoming.chat.session.id, guard, message, incoming.said.policy)
    return { seq, dup: true }
  }

  #guardOf(incoming: Incoming, question?: string): Guard {
    return {
      ...this.#once(incoming),
      open: true,
      ...(question === undefined ? {} : { question }),
      // The running one does not wait, so one more may be open than may wait.
      max_open_turns: incoming.said.policy === "reject" ? 0 : this.#deps.max_queued_turns,
    }
  }

  #once({ caller, client_id }: Incoming): Pick<Guard, "once"> {
    return client_id === null ? {} : { once: { user_id: caller.principal.user_id, client_id } }
  }

  #messageOf(
    { chat, caller, said, client_id }: Incoming,
    text: string,
    parts: Part[],
    turn_id: string | null = newId("turn"),
  ): NewMessage {
    const { id: session_id, chat_id, flow_id, chat_type } = chat.session
    return {
      id: newId("message"),
      session_id,
      chat_id,
      flow_id,
      chat_type,
      user_id: caller.principal.user_id,
      is_bot: false,
      kind: said.kind,
      state: "completed",
      message: text,
      parts,
      extra: said.extra ?? null,
      source: 0,
      turn_id,
      client_id,
      reply_to: null,
      liked: 0,
      usage: null,
      create_time: timestamp(this.#deps.clock.now()),
      deleted_at: null,
    }
  }

  #checkLength(text: string): void {
    const limit = this.#deps.max_message_length
    if (text.length > limit) throw new ChatError("message_too_long", { params: { length: text.length, limit } })
  }
}
