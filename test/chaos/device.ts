// A device of somebody: the published client, connected through a wire with faults; it notes all that it says and sees.
import type { Chat } from "../../src/client/chat.ts"
import { connectChat } from "../../src/client/chat.ts"
import { ClientError } from "../../src/client/error.ts"
import type { Say } from "../../src/client/say.ts"
import type { FaultProxy } from "../support/fault-proxy.ts"
import type { Random } from "../support/random.ts"
import type { Happened, Recorder } from "./history.ts"

export interface DeviceDeps {
  readonly name: string
  readonly flow_id: string
  readonly chat_id: string
  readonly wire: FaultProxy
  readonly token: string
  readonly recorder: Recorder
  readonly random: Random
}

export class Device {
  readonly name: string
  readonly chat_id: string
  readonly wire: FaultProxy
  reconnects = 0
  /** The last answer that was seen. */
  answer: string | null = null
  readonly #deps: DeviceDeps
  #chat: Chat
  #pages = 0
  #note: (happened: Happened) => void = () => undefined

  constructor(deps: DeviceDeps) {
    this.name = deps.name
    this.chat_id = deps.chat_id
    this.wire = deps.wire
    this.#deps = deps
    this.#chat = this.#open(null, null)
  }

  get chat(): Chat {
    return this.#chat
  }

  /** As the history names it: each page is a client of its own. */
  get page(): string {
    return `${this.name}.${this.#pages}`
  }

  /** Says something; resolves when its fate is known. Never rejects. */
  async say(
    text: string,
    id: string,
    options: Omit<Extract<Say, { kind: "text" }>, "kind" | "text"> = {},
  ): Promise<void> {
    const note = this.#note
    const { base_seq } = options
    note({ kind: "sent", id, text, ...(base_seq === undefined ? {} : { base_seq }) })
    try {
      const { seq, dup } = await this.#chat.send({ kind: "text", text, ...options }, { id })
      note({ kind: "acked", id, seq, dup })
    } catch (error) {
      const code = codeOf(error)
      note(code === "closed" ? { kind: "unknown", id } : { kind: "refused", id, text, code })
    }
  }

  /** Gives the last message that waits in line another text, if one does. Never rejects. */
  async edit(text: string): Promise<void> {
    const waiting = this.#chat.turns.findLast(({ state }) => state === "queued")
    if (!waiting) return
    const { message_id } = waiting
    this.#note({ kind: "edited", message_id, text })
    await this.#chat.send({ kind: "edit", message_id, text }).catch(codeOf)
  }

  /** Says how it likes an answer. Never rejects. */
  async rate(message_id: string, liked: number): Promise<void> {
    await this.#chat.send({ kind: "feedback", message_id, liked }).catch(codeOf)
  }

  /** Stops what runs. Never rejects: whether it came in time is in the log. */
  async stop(): Promise<void> {
    await this.#chat.interrupt().catch(codeOf)
  }

  /** The page is closed and opened again, where it was or with nothing. */
  reload(keeps: boolean): void {
    const { cursor, epoch } = this.#chat
    this.close()
    this.#chat = keeps ? this.#open(cursor, epoch) : this.#open(null, null)
  }

  close(): void {
    this.#note({ kind: "closed" })
    this.#chat.close()
  }

  #open(cursor: number | null, epoch: string | null): Chat {
    const { recorder, chat_id, flow_id, wire, token, random } = this.#deps
    this.#pages += 1
    const note = recorder.of(chat_id, this.page)
    this.#note = note
    note({ kind: "opened", cursor })
    const chat = connectChat({
      ...{ url: `ws://${wire.address}`, flow_id, chat_id, token, cursor, epoch },
      // The pauses between tries are spread over their first third: a run is short.
      random: () => random.next() / 3,
    })
    chat.on("snapshot", (snapshot) => note({ kind: "snapshot", ...snapshot }))
    for (const type of ["message", "result", "end"] as const)
      chat.on(type, (_data: unknown, event: Extract<Happened, { kind: "event" }>["event"]) =>
        note({ kind: "event", event }),
      )
    for (const type of ["status", "interrupt"] as const)
      chat.on(type, (_data: unknown, { seq, ...event }) => {
        if (seq !== undefined)
          note({ kind: "event", event: { ...event, seq } as Extract<Happened, { kind: "event" }>["event"] })
      })
    chat.on("result", ({ id }) => {
      this.answer = id
    })
    chat.on("progress", (news) => {
      if (news.kind !== "text") return
      const { turn_id, message_id, delta, text } = news
      note({ kind: "news", turn_id, message_id, delta, length: text.length })
    })
    chat.on("error", ({ code }) => note({ kind: "told", code }))
    chat.on("connection", (state) => {
      note({ kind: "connection", state: state.state, ...("code" in state ? { code: state.code } : {}) })
      if (state.state === "waiting") this.reconnects += 1
      if (state.state === "closed" && state.error) note({ kind: "gave_up", code: state.error.code })
    })
    return chat
  }
}

/** Of what the client may reject with; anything else is a fault of ours. */
function codeOf(error: unknown): string {
  if (error instanceof ClientError) return error.code
  throw error
}
