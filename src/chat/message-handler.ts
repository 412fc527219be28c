// Way 4: what somebody said becomes a message with a place, and mostly a turn. One method per kind, as in the seed.
import { ChatError } from "../errors.ts"
import { answerIdOf } from "../ids.ts"
import type { ClientFrameOf, Said } from "../protocol/client-frame.ts"
import type { MessageKind, Part } from "../protocol/message.ts"
import type { NewMessage } from "../store/append.ts"
import { isOnBranch } from "../store/branch-messages.ts"
import { answerOfInput, answerOfOrdinary } from "./answer-message.ts"
import { type Accepted, ask } from "./ask.ts"
import { regenerate, switchBranch } from "./branching.ts"
import { botCommands, commandName } from "./commands.ts"
import type { Caller } from "./follower.ts"
import type { LiveChat } from "./live-chat.ts"
import { type Incoming, newMessage } from "./new-message.ts"
import { editMessage, rateMessage } from "./revise.ts"
import { admit, mayAnswer } from "./route-of.ts"
import { type RunCommandDeps, runCommand } from "./run-command.ts"
import { partsOfSaid } from "./said-files.ts"

export interface MessageHandlerDeps extends RunCommandDeps {
  readonly max_message_length: number
}

type Of<Kind extends Said["kind"]> = Incoming<Extract<Said, { kind: Kind }>>

export class MessageHandler {
  readonly #deps: MessageHandlerDeps

  constructor(deps: MessageHandlerDeps) {
    this.#deps = deps
  }

  /** Takes a message; resolves when it is stored. Rejects with a ChatError when it was not. */
  async handleMessage(
    chat: LiveChat,
    frame: Pick<ClientFrameOf<"message">, "data" | "id">,
    caller: Caller,
  ): Promise<Accepted> {
    const { data: said } = frame
    // Of what was said before, a person may think what they like, also when the bot is not there for them any more.
    if (said.kind !== "edit" && said.kind !== "feedback") this.#admit(chat, caller)
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
      case "edit":
        return this.processEdit({ ...incoming, said })
      case "feedback":
        return rateMessage(this.#deps, { ...incoming, said })
      case "regenerate":
        return regenerate(this.#deps, { ...incoming, said })
      case "switch":
        return switchBranch(this.#deps, { ...incoming, said })
    }
  }

  async processTextMessage(incoming: Of<"text">): Promise<Accepted> {
    const { text } = incoming.said
    this.#checkLength(text)
    const ordinary = () => {
      this.#admit(incoming.chat, incoming.caller, "text")
      return ask(this.#deps, incoming, this.#messageOf(incoming, text, []))
    }
    const answer = answerOfOrdinary(this.#deps.clock, incoming)
    if (!answer || !(await this.#isAsked(incoming)) || !(await this.#mayAnswer(incoming, answer.input_id)))
      return ordinary()
    // Somebody else may answer first; then this is an ordinary message (P6.7).
    const message = this.#messageOf(incoming, text, answer.parts)
    return ask(this.#deps, incoming, message, answer.input_id).catch((error: unknown) => {
      const closed = error instanceof ChatError && (error.code === "no_question" || error.code === "question_expired")
      if (!closed) throw error
      return ordinary()
    })
  }

  async processFileMessage(incoming: Of<"file">): Promise<Accepted> {
    const { text } = incoming.said
    this.#admit(incoming.chat, incoming.caller, "file")
    this.#checkLength(text)
    const parts = await partsOfSaid(this.#deps.db, incoming)
    return ask(this.#deps, incoming, this.#messageOf(incoming, text, parts))
  }

  /** The answer to a question of the bot; the first one wins. */
  async processInputMessage(incoming: Of<"input">): Promise<Accepted> {
    const { text, parts, input_id } = await answerOfInput(this.#deps.db, incoming)
    this.#checkLength(text)
    // What one may not use is not there, nor is what it asks (P6.21).
    if (!(await this.#mayAnswer(incoming, input_id))) throw new ChatError("no_question")
    return ask(this.#deps, incoming, this.#messageOf(incoming, text, parts), input_id)
  }

  /** The bot's own become a turn of it (P3.10). */
  async processCommandMessage(incoming: Of<"command">): Promise<Accepted> {
    const { chat, caller, said } = incoming
    this.#checkLength(said.command)
    const { flow_id, chat_type } = chat.session
    const ofBot = botCommands(this.#deps.registry.pick(flow_id, chat_type, "command", caller.principal)?.handler)
    if (ofBot.some(({ name }) => name === commandName(said.command)))
      return ask(this.#deps, incoming, this.#messageOf(incoming, said.command, []))
    return runCommand(this.#deps, incoming, ofBot)
  }

  async processEdit(incoming: Of<"edit">): Promise<Accepted> {
    this.#checkLength(incoming.said.text)
    return editMessage(this.#deps, incoming)
  }

  #admit({ session }: LiveChat, { principal }: Caller, kind?: MessageKind): void {
    admit(this.#deps.registry, session, principal, kind)
  }

  /** Is the open question of the branch on which the conversation is? */
  async #isAsked({ chat: { session, question } }: Incoming): Promise<boolean> {
    return question !== null && isOnBranch(this.#deps.db, session.head, answerIdOf(question.turn_id))
  }

  #mayAnswer({ chat, caller }: Incoming, input_id: string): Promise<boolean> {
    return mayAnswer(this.#deps, chat.session, input_id, caller.principal)
  }

  #messageOf(incoming: Incoming, text: string, parts: Part[], turn_id?: string | null): NewMessage {
    return newMessage(this.#deps.clock, incoming, text, parts, turn_id)
  }

  #checkLength(text: string): void {
    const limit = this.#deps.max_message_length
    if (text.length > limit) throw new ChatError("message_too_long", { params: { length: text.length, limit } })
  }
}
