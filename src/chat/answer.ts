// The bot's message in the making: joins the handler's events, streams them in coalesced deltas, keeps a checkpoint.
import type { Cancel, Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { CheckedEvent } from "../handlers/handler.ts"
import type { Part, Usage } from "../protocol/message.ts"
import type { Progress } from "../protocol/server-frame.ts"
import type { ResumeFrom } from "../store/schema.ts"
import { PartBudget } from "./part-budget.ts"
import { shownPart } from "./shown-part.ts"
import { generationOf } from "./streams.ts"

/** Deltas of so many milliseconds travel as one; the first goes at once. */
const tick = 20
/** What comes so little before the end of a tick goes at once: a timer costs more than it saves. */
const early = 5
/** A checkpoint at least each second, or each 4 KiB. */
const checkpointEvery = 1000
const checkpointUnits = 4096

/** What was said of an answer. */
export interface Draft {
  readonly text: string
  readonly reasoning: string
  readonly parts: readonly Part[]
}

/** What is to be kept of an answer in the making. */
export interface Kept {
  readonly text: string
  readonly reasoning: string
  /** The handler's word for its next turn, or for the next attempt, which goes on from `resume_from`. */
  readonly checkpoint: unknown
  readonly resume_from: ResumeFrom | undefined
}

export interface AnswerDeps {
  readonly turn_id: string
  readonly message_id: string
  /** Of the run; from the second on, what earlier ones said is taken back (P6.9). */
  readonly generation: number
  /** What an earlier run said up to its checkpoint, where this one goes on. */
  readonly draft?: Draft | undefined
  readonly clock: Clock
  /** UTF-16 units of text and reasoning together: what runs away is cut short. */
  readonly limit: number
  readonly parts: ConstructorParameters<typeof PartBudget>[0]
  publish(progress: Progress): void
  keep(kept: Kept): void
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
  readonly #about: { turn_id: string; message_id: string; generation?: number }
  readonly #parts = new Map<string, Part>()
  readonly #budget: PartBudget
  /** Waits to send what came within a tick of what was sent before. */
  #tick: Cancel | null = null
  #tickedAt = Number.NEGATIVE_INFINITY
  /** Waits to keep what was said since the last checkpoint: also when the bot then says nothing for a long time. */
  #keeping: Cancel | null = null
  #kept = 0
  #resume_from: ResumeFrom | undefined

  constructor(deps: AnswerDeps) {
    this.#deps = deps
    this.#about = { turn_id: deps.turn_id, message_id: deps.message_id, ...generationOf(deps.generation) }
    this.#budget = new PartBudget(deps.parts)
    if (deps.generation > 1) this.#beginAgain(deps.draft ?? { text: "", reasoning: "", parts: [] })
  }

  /** Tells everybody what holds of the answer: all of the draft, and nothing besides. */
  #beginAgain({ text, reasoning, parts }: Draft): void {
    if (reasoning) this.#deps.publish({ kind: "reasoning", ...this.#about, offset: 0, text: reasoning })
    for (const part of parts) this.#show(part)
    this.#deps.publish({ kind: "text", ...this.#about, offset: 0, text })
    this.#sent.reasoning = reasoning
    this.#sent.text = text
    // Whoever reads the store from now on may not take the earlier run's words for this one's.
    this.#keep()
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

  add(event: Exclude<CheckedEvent, { type: "question" | "title" }>): void {
    switch (event.type) {
      case "text":
      case "reasoning":
        this.#say(event.type, event.text)
        return
      case "tool":
        this.#show({ type: "tool", ...event.tool })
        return
      case "step":
        this.#show({ type: "step", ...event.step })
        return
      case "citation":
        this.#show({ type: "citation", ...event.citation })
        return
      case "guide":
        this.#show({ type: "guide", ...event.guide })
        return
      case "suggestions":
        this.#show({ type: "suggestions", questions: event.questions })
        return
      case "file":
        this.#show({ type: "file", ...event.file })
        return
      case "rewrite":
        this.#rewrite(event.offset, event.text)
        return
      case "usage":
        this.usage = event.usage
        return
      case "checkpoint":
        this.checkpoint = event.checkpoint
        this.#resume_from = {
          text: this.#keepable("text").length,
          reasoning: this.#keepable("reasoning").length,
          parts: [...this.#parts.values()],
        }
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
    if (this.#length + piece.length > this.#deps.limit) this.#tooLong()
    // U+0000 would end the text in SQLite's JSON functions; no person can see it either way.
    this.#waiting[kind] += piece.replaceAll("\0", "\uFFFD")
    if (this.#tick === null) {
      const wait = this.#tickedAt + tick - this.#deps.clock.now()
      // No timer while deltas come slower than ticks, as most do. More than a tick: the time of day was set back.
      if (wait <= early || wait > tick) this.#onTick()
      else this.#tick = this.#deps.clock.after(wait, () => this.#onTick())
    }
    if (this.#length - this.#kept >= checkpointUnits) this.#keep()
    else this.#keeping ??= this.#deps.clock.after(checkpointEvery, () => this.#keep())
  }

  #onTick(): void {
    this.#tick = null
    this.#tickedAt = this.#deps.clock.now()
    this.#flushWhole()
  }

  /** Sends what can be sent without cutting a surrogate pair (P6.1). */
  #flushWhole(): void {
    this.#flush("reasoning", wholeLength(this.#waiting.reasoning))
    this.#flush("text", wholeLength(this.#waiting.text))
  }

  #flush(kind: Kind, length: number): void {
    if (length === 0) return
    const offset = this.#sent[kind].length
    const text = this.#waiting[kind].slice(0, length).toWellFormed()
    this.#waiting[kind] = this.#waiting[kind].slice(length)
    this.#sent[kind] += text
    this.#deps.publish({ kind, ...this.#about, offset, text })
  }

  #show(part: Part): void {
    const shown = shownPart(part)
    if (!shown) return
    this.#budget.take(shown.key, part)
    this.#flushWhole()
    this.#parts.set(shown.key, part)
    this.#deps.publish({ ...shown.told, ...this.#about })
  }

  #rewrite(offset: number, text: string): void {
    this.#flush("text", this.#waiting.text.length)
    const kept = this.#sent.text.slice(0, offset)
    if (this.#length - (this.#sent.text.length - kept.length) + text.length > this.#deps.limit) this.#tooLong()
    const whole = text.replaceAll("\0", "\uFFFD").toWellFormed()
    this.#sent.text = kept + whole
    this.#deps.publish({ kind: "text", ...this.#about, offset: kept.length, text: whole, rewrite: true })
    this.#keep()
  }

  #tooLong(): never {
    throw new ChatError("answer_too_long", { params: { limit: this.#deps.limit } })
  }

  #keep(): void {
    this.#keeping?.()
    this.#keeping = null
    this.#kept = this.#length
    this.#deps.keep({
      text: this.#keepable("text"),
      reasoning: this.#keepable("reasoning"),
      checkpoint: this.checkpoint,
      resume_from: this.#resume_from,
    })
  }

  #keepable(kind: Kind): string {
    return this.#sent[kind] + whole(this.#waiting[kind])
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
