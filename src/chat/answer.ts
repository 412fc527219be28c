// The bot's message in the making: joins the handler's events, streams them in coalesced deltas, keeps a checkpoint.
import type { Cancel, Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { HandlerEvent } from "../handlers/handler.ts"
import type { Part, Usage } from "../protocol/message.ts"
import type { Progress } from "../protocol/server-frame.ts"

/** Deltas of so many milliseconds travel as one; the first goes at once. */
const tick = 20
/** A checkpoint at least each second, or each 4 KiB. */
const checkpointEvery = 1000
const checkpointUnits = 4096

export interface AnswerDeps {
  readonly turn_id: string
  readonly message_id: string
  readonly clock: Clock
  /** UTF-16 units of text and reasoning together: what runs away is cut short. */
  readonly limit: number
  publish(progress: Progress): void
  keep(text: string, reasoning: string, checkpoint: unknown): void
}

type Kind = "text" | "reasoning"

export class Answer {
  usage: Usage | null = null
  /** The handler's word for its next turn; undefined: it said nothing about that, and the one before holds. */
  checkpoint: unknown
  readonly #deps: AnswerDeps
  /** What was sent, and apart from it what waits: a tick then costs what it sends, however long the answer is. */
  readonly #sent: Record<Kind, string> = { text: "", reasoning: "" }
  readonly #waiting: Record<Kind, string> = { text: "", reasoning: "" }
  readonly #parts = new Map<string, Part>()
  #tick: Cancel | null = null
  /** Waits to keep what was said since the last checkpoint: also when the bot then says nothing for a long time. */
  #keeping: Cancel | null = null
  #kept = 0

  constructor(deps: AnswerDeps) {
    this.#deps = deps
  }

  get text(): string {
    return this.#sent.text + this.#waiting.text.toWellFormed()
  }

  get #reasoning(): string {
    return this.#sent.reasoning + this.#waiting.reasoning.toWellFormed()
  }

  get #length(): number {
    const { text, reasoning } = this.#sent
    return text.length + reasoning.length + this.#waiting.text.length + this.#waiting.reasoning.length
  }

  /** All that is not text, in the order in which it began. */
  get parts(): Part[] {
    const reasoning = this.#reasoning
    return [...(reasoning ? [{ type: "reasoning" as const, text: reasoning }] : []), ...this.#parts.values()]
  }

  add(event: Exclude<HandlerEvent, { type: "question" | "title" }>): void {
    switch (event.type) {
      case "text":
      case "reasoning":
        this.#say(event.type, event.text)
        return
      case "tool":
        this.#show(`tool ${event.tool.tool_call_id}`, { type: "tool", ...event.tool })
        return
      case "step":
        this.#show(`step ${event.step.step_id}`, { type: "step", ...event.step })
        return
      case "usage":
        this.usage = event.usage
        return
      case "checkpoint":
        this.checkpoint = event.checkpoint
        this.#keep()
        return
    }
  }

  /** Sends what waits. After `finish` nothing more is sent. */
  finish(): void {
    this.#tick?.()
    this.#tick = null
    this.#keeping?.()
    this.#keeping = null
    // A high surrogate that waited for its other half will not get it.
    this.#flush("reasoning", this.#waiting.reasoning.length)
    this.#flush("text", this.#waiting.text.length)
  }

  #say(kind: Kind, piece: string): void {
    if (piece === "") return
    if (this.#length + piece.length > this.#deps.limit) {
      throw new ChatError("answer_too_long", { params: { limit: this.#deps.limit } })
    }
    // U+0000 would end the text in SQLite's JSON functions; no person can see it either way.
    this.#waiting[kind] += piece.replaceAll("\0", "\uFFFD")
    if (this.#tick === null) {
      this.#flushWhole()
      this.#tick = this.#deps.clock.after(tick, () => this.#onTick())
    }
    if (this.#length - this.#kept >= checkpointUnits) this.#keep()
    else this.#keeping ??= this.#deps.clock.after(checkpointEvery, () => this.#keep())
  }

  #onTick(): void {
    this.#tick = null
    const waiting = this.#flushWhole()
    // As long as the bot speaks, one delta a tick; after a pause the next goes at once again.
    if (waiting) this.#tick = this.#deps.clock.after(tick, () => this.#onTick())
  }

  /** Sends what can be sent without cutting a surrogate pair (P6.1). */
  #flushWhole(): boolean {
    const reasoning = this.#flush("reasoning", wholeLength(this.#waiting.reasoning))
    return this.#flush("text", wholeLength(this.#waiting.text)) || reasoning
  }

  #flush(kind: Kind, length: number): boolean {
    if (length === 0) return false
    const { turn_id, message_id } = this.#deps
    const offset = this.#sent[kind].length
    const text = this.#waiting[kind].slice(0, length).toWellFormed()
    this.#waiting[kind] = this.#waiting[kind].slice(length)
    this.#sent[kind] += text
    this.#deps.publish({ kind, turn_id, message_id, offset, text })
    return true
  }

  #show(key: string, part: Extract<Part, { type: "tool" | "step" }>): void {
    const { turn_id, message_id } = this.#deps
    this.#flushWhole()
    this.#parts.set(key, part)
    if (part.type === "tool") this.#deps.publish({ kind: "tool", turn_id, message_id, tool: part })
    else this.#deps.publish({ kind: "step", turn_id, message_id, step: part })
  }

  #keep(): void {
    this.#keeping?.()
    this.#keeping = null
    this.#kept = this.#length
    const kept = (kind: Kind) => this.#sent[kind] + whole(this.#waiting[kind])
    this.#deps.keep(kept("text"), kept("reasoning"), this.checkpoint)
  }
}

function wholeLength(text: string): number {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length
}

/** As it can be kept, without the half of a pair that waits for its other one: what follows is appended by its offset. */
function whole(text: string): string {
  return text.slice(0, wholeLength(text)).toWellFormed()
}
