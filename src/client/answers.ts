// The answers that are being given: deltas merged by offset (P6.1, P6.2).
import type { Progress } from "../protocol/server-frame.ts"

type Tool = Extract<Progress, { kind: "tool" }>["tool"]
type OtherPart = Extract<Progress, { kind: "part" }>["part"]
type Step = Extract<Progress, { kind: "step" }>["step"]

/** An answer so far. It is gone when its `result` or `end` has come: the result has it all. */
export interface Answer {
  readonly turn_id: string
  readonly message_id: string
  /** Which run of the turn says it; a higher one takes back what lower ones said (P6.9). */
  readonly generation: number
  readonly text: string
  readonly reasoning: string
  readonly tools: ReadonlyMap<string, Tool>
  readonly steps: ReadonlyMap<string, Step>
  /** Citations, files, guides, suggestions. */
  readonly parts: ReadonlyMap<string, OtherPart>
}

/**
 * What is new about an answer: `delta` is the new piece, `text` all of that kind so far. Show `text`: after a crash of the
 * service an answer may be taken back and begun again, and `delta` is then no continuation.
 */
export type AnswerNews =
  | {
      readonly kind: "text" | "reasoning"
      readonly turn_id: string
      readonly message_id: string
      readonly delta: string
      readonly text: string
    }
  | Extract<Progress, { kind: "tool" | "step" | "part" }>

interface Draft extends Answer {
  text: string
  reasoning: string
  readonly tools: Map<string, Tool>
  readonly steps: Map<string, Step>
  readonly parts: Map<string, OtherPart>
}

/** How many finished turns are remembered, to tell late deltas from new answers. */
const REMEMBERED = 100

export class Answers {
  readonly #drafts = new Map<string, Draft>()
  /** Turns and messages that are finished: deltas are sent after durable events, so some come late. */
  readonly #finished = new Set<string>()

  get open(): ReadonlyMap<string, Answer> {
    return this.#drafts
  }

  /** What is new; null when nothing is; `"gap"` when a piece before this one was missed. */
  merge(progress: Progress): AnswerNews | "gap" | null {
    if (this.#finished.has(progress.turn_id) || this.#finished.has(progress.message_id)) return null
    const { generation = 1 } = progress
    const known = this.#drafts.get(progress.message_id)
    if (known && known.generation > generation) return null
    const isNew = !known || known.generation < generation
    const draft = isNew ? newDraft(progress) : known
    if (isNew) this.#drafts.set(progress.message_id, draft)
    switch (progress.kind) {
      case "tool":
        draft.tools.set(progress.tool.tool_call_id, progress.tool)
        return progress
      case "step":
        draft.steps.set(progress.step.step_id, progress.step)
        return progress
      case "part":
        draft.parts.set(progress.part_id, progress.part)
        return progress
      case "text":
      case "reasoning": {
        const { turn_id, message_id, kind, offset } = progress
        const have = draft[kind].length
        if (offset > have) return "gap"
        if (progress.rewrite) {
          draft[kind] = draft[kind].slice(0, offset) + progress.text
          return { kind, turn_id, message_id, delta: progress.text, text: draft[kind] }
        }
        const delta = progress.text.slice(have - offset)
        // That there is nothing yet is news, when there was something before.
        if (!delta && !(known && isNew)) return null
        draft[kind] += delta
        return { kind, turn_id, message_id, delta, text: draft[kind] }
      }
      default:
        return null // a kind of a later version
    }
  }

  /** The message has its `result`. */
  finishMessage(message_id: string): void {
    this.#drafts.delete(message_id)
    this.#remember(message_id)
  }

  /** The turn has its `end`, or is known to be over. */
  finishTurn(turn_id: string): void {
    for (const draft of this.#drafts.values()) if (draft.turn_id === turn_id) this.#drafts.delete(draft.message_id)
    this.#remember(turn_id)
  }

  /** Keeps the answers of these turns only. */
  keep(turns: readonly { readonly turn_id: string }[]): void {
    for (const { turn_id } of [...this.#drafts.values()]) {
      if (!turns.some((turn) => turn.turn_id === turn_id)) this.finishTurn(turn_id)
    }
  }

  /** Of another log: nothing of it counts any more. */
  clear(): void {
    this.#drafts.clear()
    this.#finished.clear()
  }

  /** message_id -> UTF-16 units of its text that are here, for `start`. */
  offsets(): Record<string, number> {
    return Object.fromEntries([...this.#drafts.values()].map((draft) => [draft.message_id, draft.text.length]))
  }

  #remember(id: string): void {
    this.#finished.add(id)
    const [oldest] = this.#finished
    if (this.#finished.size > REMEMBERED && oldest !== undefined) this.#finished.delete(oldest)
  }
}

function newDraft({ turn_id, message_id, generation = 1 }: Progress): Draft {
  return {
    turn_id,
    message_id,
    generation,
    text: "",
    reasoning: "",
    tools: new Map(),
    steps: new Map(),
    parts: new Map(),
  }
}
