// Writes down what happens in a chat.
import type { AnswerNews } from "../../client/answers.ts"
import type { Chat } from "../../client/chat.ts"
import type { ConnectionState } from "../../client/connection.ts"
import type { Snapshot } from "../../client/follower.ts"
import type { Message, Part } from "../../protocol/message.ts"
import type { TurnOver } from "../../protocol/turn.ts"
import type { Exchanges } from "./exchanges.ts"
import type { Screen } from "./screen.ts"

/** Earlier messages that are shown on opening a chat. */
const shown = 6

export class Transcript {
  readonly #screen: Screen
  readonly #exchanges: Exchanges
  readonly #chat: Chat
  /** message_id -> what of the answer is on the screen. */
  readonly #written = new Map<string, string>()
  #thinking = false
  /** Since when there is no connection: `never` had one, `lost` it, or not. */
  #missing: "never" | "lost" | null = "never"
  #told = false

  constructor(chat: Chat, screen: Screen, exchanges: Exchanges) {
    this.#chat = chat
    this.#screen = screen
    this.#exchanges = exchanges
    chat.on("snapshot", (snapshot) => this.#snapshot(snapshot))
    chat.on("message", (message) => this.#message(message))
    chat.on("progress", (news) => this.#news(news))
    chat.on("result", (message) => this.#result(message))
    chat.on("end", (end) => this.#end(end))
    chat.on("status", ({ changed, topic, state }) => {
      if (changed.includes("topic")) screen.note(`[this chat is called: ${topic ?? "nothing"}]`)
      if (changed.includes("state") && state === "ended") screen.note("[this chat has ended: /new begins another one]")
    })
    chat.on("interrupt", ({ result }, { seq }) => {
      if (result === "requested" && seq !== undefined) screen.note("[stopping]")
    })
    chat.on("error", ({ message }) => screen.note(`[${message}]`))
    chat.on("connection", (state) => this.#connection(state))
  }

  #snapshot({ messages, cursor }: Snapshot): void {
    if (cursor !== null) this.#screen.note("[too much was missed; this is the chat as it is now]")
    else if (!this.#screen.terminal) return
    for (const message of messages.slice(-shown)) this.#screen.line(lineOf(message))
  }

  #message(message: Message): void {
    if (!this.#exchanges.isOurs(message)) this.#screen.line(`[from another device] ${lineOf(message)}`)
  }

  #news(news: AnswerNews): void {
    const screen = this.#screen
    if (news.kind === "tool") screen.note(`[tool ${news.tool.name}: ${news.tool.state}${detailOf(news.tool)}]`)
    if (news.kind === "step") screen.note(`[${news.step.name}: ${news.step.state}]`)
    if (news.kind === "reasoning") {
      screen.think(news.delta)
      this.#thinking = true
    }
    if (news.kind === "text") {
      this.#thought()
      screen.write(news.delta)
      this.#written.set(news.message_id, news.text)
    }
  }

  #result({ id, message, parts }: Message): void {
    const screen = this.#screen
    const text = message ?? ""
    const written = this.#written.get(id) ?? ""
    this.#written.delete(id)
    this.#thought()
    if (text.startsWith(written)) screen.write(text.slice(written.length))
    // After a crash less may be kept than was seen; that is not said again.
    else if (!written.startsWith(text)) screen.line(text)
    screen.newline()
    for (const part of parts) {
      const line = partLine(part)
      if (line) screen.line(line)
    }
  }

  #end({ state, reason, error, question }: TurnOver): void {
    this.#thought()
    this.#screen.newline()
    if (question) this.#screen.line(question.prompt)
    if (state === "interrupted") this.#screen.note(reason === "stopped" ? "[stopped]" : `[broken off: ${reason}]`)
    if (state === "failed") this.#screen.note(`[failed: ${error?.message ?? reason}]`)
  }

  #thought(): void {
    if (this.#thinking) this.#screen.newline()
    this.#thinking = false
  }

  #connection(state: ConnectionState): void {
    const { chat_id, session, unacked } = this.#chat
    const screen = this.#screen
    if (state.state === "waiting") {
      if (this.#missing === null) this.#missing = "lost"
      const why = state.reason?.message ?? `code ${state.code}`
      if (!this.#told)
        screen.note(`[${this.#missing === "lost" ? "connection lost" : "no connection yet"}: ${why}; trying again]`)
      this.#told = true
    }
    if (state.state === "connected") {
      const waiting = unacked.length === 0 ? "" : `; sending again what was not acknowledged (${unacked.length})`
      if (this.#missing === "lost") screen.note(`[connected again${waiting}]`)
      if (this.#missing === "never")
        screen.note(`[${session?.topic ?? "chat"} ${chat_id} with ${session?.flow_id}; /help tells what can be done]`)
      this.#missing = null
      this.#told = false
    }
  }
}

/** What a tool is asked for, or what came of it. */
function detailOf({ state, input, output }: { state: string; input?: unknown; output?: unknown }): string {
  const detail = state === "running" || state === "waiting" ? input : output
  return detail === undefined ? "" : ` ${JSON.stringify(detail).slice(0, 200)}`
}

/** What of a message is shown besides its text. */
function partLine(part: Part): string | undefined {
  switch (part.type) {
    case "file":
      return `[file ${part.name}] ${part.url}`
    case "citation":
      return `[from ${part.title}]${part.url ? ` ${part.url}` : ""}`
    case "guide":
      return [part.words ?? "", ...part.questions.map((question) => `  - ${question}`)].filter(Boolean).join("\n")
    case "suggestions":
      return part.questions.map((question) => `  - ${question}`).join("\n")
    default:
      return undefined
  }
}

/** A message on one line, or more if it has more. */
export function lineOf({ is_bot, message, parts, deleted_at }: Message): string {
  const who = is_bot ? "bot" : "you"
  const files = parts.flatMap((part) => (part.type === "file" ? [`[file ${part.name}]`] : []))
  return `${who}: ${deleted_at ? "(deleted)" : [message, ...files].filter(Boolean).join(" ")}`
}
