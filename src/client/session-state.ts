// What is known of the session: its state, the open turns in order, the bot's question that waits for an answer.
import type { Joined, ServerFrameOf, Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { OpenTurn, Question } from "../protocol/turn.ts"
import type { DurableEvent } from "./frame.ts"

export class SessionState {
  #session: Session | null = null
  #turns: readonly OpenTurn[] = []
  #question: Question | null = null

  /** Null until the chat is joined for the first time. */
  get session(): Session | null {
    return this.#session
  }

  /** The turns that have not ended; the first may be running. */
  get turns(): readonly OpenTurn[] {
    return this.#turns
  }

  get question(): Question | null {
    return this.#question
  }

  joined({ session, turns, question }: Joined): void {
    this.#session = session
    this.#turns = turns
    this.#question = question
  }

  told({ state, lifecycle, topic, logo, turns, question }: Status): void {
    if (this.#session) this.#session = { ...this.#session, state, lifecycle, topic, logo }
    this.#turns = turns
    this.#question = question
  }

  /** Follows the log between two statuses. */
  apply(event: DurableEvent): void {
    if (event.type === "status") this.told(event.data)
    if (event.type === "message") this.#asked(event)
    if (event.type === "end") {
      this.#turns = this.#turns.filter((turn) => turn.turn_id !== event.data.turn_id)
      if (event.data.question) this.#question = event.data.question
    }
  }

  #asked({ data: { id, turn_id, kind, create_time } }: ServerFrameOf<"message">): void {
    if (kind === "text" || kind === "input") this.#question = null // the answer (P6.7)
    if (turn_id === null) return
    const open = this.#turns.find((turn) => turn.turn_id === turn_id)
    if (!open) this.#turns = [...this.#turns, { turn_id, message_id: id, state: "queued", create_time }]
    else if (open.message_id !== id && !open.merged?.includes(id)) {
      const joined = { ...open, merged: [...(open.merged ?? []), id] }
      this.#turns = this.#turns.map((turn) => (turn === open ? joined : turn))
    }
  }
}
