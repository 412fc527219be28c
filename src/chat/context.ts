// What a bot knows of the conversation, kept in memory for as long as the chat is: read once, then added to as turns end.
// Reading it anew took more time for each turn than storing the turn did.
import type { Spoken } from "../handlers/handler.ts"
import type { Message } from "../protocol/message.ts"
import type { TurnOver } from "../protocol/turn.ts"
import { type Branch, branchBefore } from "../store/branch.ts"
import type { Database } from "../store/database.ts"

/** A branch of the conversation (P6.12), up to the answer in which it ends. */
interface Known extends Branch {
  /** Null: nothing was said on it yet. */
  readonly tip: string | null
}

/** A turn that goes on from there. */
interface Begun {
  readonly turn_id: string
  readonly answer_id: string
  readonly question: Spoken
  readonly before: Known
  answer?: Spoken
  /** The handler's word for its next turn; what it said before holds until there is one. */
  checkpoint: unknown
}

/** What is asked, and the answer to be. */
export interface Asking {
  readonly id: string
  readonly answer_id: string
  readonly question: Message
}

export class Context {
  /** The branch that the last turn here ended on; undefined: not known, or no longer to be trusted. */
  #known: Known | undefined
  #begun: Begun | undefined
  #forgotten = 0

  /** The last complete exchanges of the turn's branch, at most `limit`, and the checkpoint. */
  async begin(db: Database, session_id: string, turn: Asking, limit: number): Promise<Branch> {
    const tip = turn.question.reply_to
    const forgotten = this.#forgotten
    const before = this.#known?.tip === tip ? this.#known : { tip, ...(await branchBefore(db, session_id, tip, limit)) }
    const { id: turn_id, answer_id, question } = turn
    // What was deleted while it was read may be in it: good for this turn, which began before, not for the next.
    this.#begun =
      forgotten === this.#forgotten
        ? { turn_id, answer_id, question: spoken(question), before, checkpoint: before.checkpoint }
        : undefined
    return before
  }

  /** What the turn's handler leaves for the next; undefined: nothing, and what was left before holds. */
  keep(turn_id: string, checkpoint: unknown): unknown {
    if (this.#begun?.turn_id !== turn_id) return checkpoint
    if (checkpoint !== undefined) this.#begun.checkpoint = checkpoint
    return this.#begun.checkpoint ?? undefined
  }

  answered({ turn_id, ...message }: Message): void {
    if (this.#begun && turn_id === this.#begun.turn_id) this.#begun.answer = spoken(message)
  }

  /** A turn ended: with its answer it becomes context, unless it was cut short. */
  ended({ turn_id, state }: TurnOver, limit: number): void {
    const begun = this.#begun
    if (begun?.turn_id !== turn_id) return
    this.#begun = undefined
    const { answer, question, before, checkpoint } = begun
    const isWhole = answer !== undefined && (state === "completed" || state === "waiting_input") && limit > 0
    const history = isWhole ? [...before.history, { question, answer }].slice(-limit) : before.history
    this.#known = { tip: begun.answer_id, history, checkpoint }
  }

  /** Messages were changed or deleted: the store knows better. */
  forget(): void {
    this.#forgotten += 1
    this.#known = undefined
    this.#begun = undefined
  }
}

function spoken({ id, kind, message, parts }: Spoken): Spoken {
  return { id, kind, message, parts }
}
