// The terminal's own commands: they begin with a slash, and are answered here instead of by the bot.
import { ClientError } from "../../client/error.ts"
import { ChatType, type Session } from "../../protocol/session.ts"
import type { Conversation } from "./conversation.ts"
import type { Screen } from "./screen.ts"
import type { Service } from "./service.ts"
import { lineOf } from "./transcript.ts"

export interface CommandDeps {
  readonly conversation: Conversation
  readonly service: Service
  readonly screen: Screen
  quit(): void
}

const help = `/sessions              your chats, the last one first
/open <number|chat_id>  goes on in one of them
/new [chat type]        begins a new one
/title <words>          names this one
/history                what was said last
/file <path> [words]    sends a file
/quit                   leaves, as Ctrl-D does
Ctrl-C                  stops the answer; once more, or when there is none, leaves
Other words with a slash are for the service:`

const listed = 20

export class Commands {
  readonly #deps: CommandDeps
  /** As last shown by /sessions. */
  #list: readonly Session[] = []

  constructor(deps: CommandDeps) {
    this.#deps = deps
  }

  /** Null when the line is not one of these commands; else whether it worked. Says why not by itself. */
  async run(line: string): Promise<boolean | null> {
    const [, name = "", words = ""] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? []
    const act = this.#acts[name]
    if (!act) return null
    try {
      await act(words.trim())
      return true
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.#deps.screen.note(`[${error.message}]`)
      return false
    }
  }

  readonly #acts: Readonly<Record<string, (words: string) => unknown>> = {
    help: () => {
      this.#deps.screen.line(help)
      return this.#deps.conversation.say({ kind: "command", command: "/help" })
    },
    quit: () => this.#deps.quit(),
    new: (words) => this.#new(words),
    file: (words) => this.#file(words),
    sessions: () => this.#sessions(),
    open: (words) => this.#open(words),
    title: (words) => this.#title(words),
    history: () => this.#history(),
  }

  #new(words: string): void {
    const { conversation } = this.#deps
    const chat_type = ChatType.optional().safeParse(words.toUpperCase() || undefined)
    if (!chat_type.success) throw new ClientError("bad_request", `Say which: /new ${ChatType.options.join("|")}`)
    conversation.open(conversation.another(chat_type.data))
  }

  async #file(words: string): Promise<void> {
    const { service, conversation } = this.#deps
    const [, path, text = ""] = /^(\S+)\s*([\s\S]*)$/.exec(words) ?? []
    if (path === undefined) throw new ClientError("bad_request", "Say which: /file <path> [words]")
    const file_id = await service.upload(path)
    await conversation.say({ kind: "file", files: [{ file_id }], text })
  }

  async #sessions(): Promise<void> {
    const { service, screen, conversation } = this.#deps
    this.#list = await service.sessions(listed)
    for (const [at, { chat_id, topic, flow_id, chat_type, state, update_time }] of this.#list.entries()) {
      const here = chat_id === conversation.chat_id ? "*" : " "
      const when = update_time.slice(0, 16).replace("T", " ")
      screen.line(
        `${here}${String(at + 1).padStart(2)}  ${when}  ${topic ?? chat_id}  (${flow_id}, ${chat_type}, ${state})`,
      )
    }
    if (this.#list.length === 0) screen.line("There are no chats yet.")
  }

  async #open(words: string): Promise<void> {
    const { service, conversation } = this.#deps
    if (!words) throw new ClientError("bad_request", "Say which: /open <number|chat_id>; /sessions shows them")
    if (this.#list.length === 0) this.#list = await service.sessions(listed)
    const chosen = /^\d{1,3}$/.test(words) ? this.#list[Number(words) - 1] : undefined
    const session = chosen ?? (await service.session(words))
    if (!session) throw new ClientError("not_found", `You have no chat ${words}; /sessions shows those you have`)
    conversation.open(session)
  }

  async #title(words: string): Promise<void> {
    const { service, conversation } = this.#deps
    if (!words) throw new ClientError("bad_request", "Say how: /title <words>")
    await conversation.ready() // a new chat is there only then
    await service.rename(conversation.chat_id, words)
  }

  async #history(): Promise<void> {
    const { service, screen, conversation } = this.#deps
    await conversation.ready()
    const messages = await service.history(conversation.chat_id, listed)
    for (const message of messages) screen.line(lineOf(message))
    if (messages.length === 0) screen.line("Nothing was said yet.")
  }
}
