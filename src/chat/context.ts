// What a bot knows of the conversation, kept in memory for as long as the chat is: read once, then added to as turns end.
// Reading it anew took more time for each turn than storing the turn did.
import type { Exchange, Spoken } from "../handlers/handler.ts"
import type { Message } from "../protocol/message.ts"
import type { TurnOver } from "../protocol/turn.ts"
import type { Database } from "../store/database.ts"
import { merged } from "../store/merged.ts"
import { checkpointBefore, exchangesBefore } from "../store/turns.ts"

export interface Known {
  readonly history: readonly Exchange[]
  /** What the chat's handler left for its next turn. */
  readonly checkpoint: unknown
}

export class Context {
  /** Undefined: not read yet, or no longer to be trusted. */
  #known: Known | undefined
  readonly #questions = new Map<string, Spoken>()
  readonly #answers = new Map<string, Spoken>()
  #forgotten = 0

  /** The last complete exchanges before the turn at `seq`, at most `limit`, and the checkpoint. */
  async read(db: Database, session_id: string, seq: number, limit: number): Promise<Known> {
    if (this.#known) return this.#known
    const before = this.#forgotten
    const history = limit > 0 ? await exchangesBefore(db, session_id, seq, limit) : []
    const known = { history, checkpoint: await checkpointBefore(db, session_id, seq) }
    // What was deleted while it was read may be in it: good for a turn that began before, not for the next.
    if (before === this.#forgotten) this.#known = known
    return known
  }

  heard({ turn_id, ...message }: Message): void {
    if (!turn_id) return
    const before = this.#questions.get(turn_id)
    this.#questions.set(turn_id, before ? merged(before, [spoken(message)]) : spoken(message))
  }

  answered({ turn_id, ...message }: Message): void {
    if (turn_id) this.#answers.set(turn_id, spoken(message))
  }

  /** A turn ended: with its answer it becomes context, unless it was cut short. */
  ended({ turn_id, state }: TurnOver, limit: number): void {
    const question = this.#questions.get(turn_id)
    const answer = this.#answers.get(turn_id)
    this.#questions.delete(turn_id)
    this.#answers.delete(turn_id)
    if (!this.#known || (state !== "completed" && state !== "waiting_input") || !answer) return
    // Its question came before this chat was in memory: read it all again.
    if (!question) this.forget()
    else
      this.#known = {
        ...this.#known,
        history: limit > 0 ? [...this.#known.history, { question, answer }].slice(-limit) : [],
      }
  }

  /** The handler's word for its next turn. */
  keep(checkpoint: unknown): void {
    if (this.#known) this.#known = { ...this.#known, checkpoint }
  }

  /** Messages were deleted, or a turn ran elsewhere: the store knows better. */
  forget(): void {
    this.#forgotten += 1
    this.#known = undefined
    this.#questions.clear()
    this.#answers.clear()
  }
}

function spoken({ id, kind, message, parts }: Omit<Message, "turn_id">): Spoken {
  return { id, kind, message, parts }
}
