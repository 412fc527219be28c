// Which of our messages wait for their answer, and when they have it: at the turn's end, or at a command's result.
import type { Message } from "../../protocol/message.ts"
import type { OpenTurn, TurnOver } from "../../protocol/turn.ts"

interface Exchange {
  readonly id: string
  message_id: string | null
  turn_id: string | null
  over(well: boolean): void
}

export class Exchanges {
  readonly #open = new Map<string, Exchange>()
  readonly #ours = new Set<string>()

  get waiting(): boolean {
    return this.#open.size > 0
  }

  /** Did this device say it? */
  isOurs({ client_id }: Message): boolean {
    return client_id !== null && this.#ours.has(client_id)
  }

  /** Resolves when the message with this id has its answer: false when that is a failure. */
  begin(id: string): Promise<boolean> {
    this.#ours.add(id)
    return new Promise((resolve) => {
      const over = (well: boolean) => {
        this.#open.delete(id)
        resolve(well)
      }
      this.#open.set(id, { id, message_id: null, turn_id: null, over })
    })
  }

  /** There will be no answer. */
  fail(id: string): void {
    this.#open.get(id)?.over(false)
  }

  failAll(): void {
    for (const { over } of [...this.#open.values()]) over(false)
  }

  said({ id, client_id, turn_id }: Message): void {
    const exchange = client_id === null ? undefined : this.#open.get(client_id)
    if (!exchange) return
    exchange.message_id = id
    exchange.turn_id = turn_id
  }

  answered({ reply_to, turn_id }: Message): void {
    for (const exchange of [...this.#open.values()]) {
      if (turn_id === null && reply_to !== null && exchange.message_id === reply_to) exchange.over(true)
    }
  }

  ended({ turn_id, state, reason }: TurnOver): void {
    const well = state === "completed" || state === "waiting_input" || reason === "stopped"
    for (const exchange of [...this.#open.values()]) {
      if (exchange.turn_id === turn_id) exchange.over(well)
    }
  }

  /** The log could not be continued: what is in these messages, and has no open turn, is over. */
  reset(messages: readonly Message[], turns: readonly OpenTurn[]): void {
    for (const message of messages) this.said(message)
    for (const exchange of [...this.#open.values()]) {
      const open = turns.some(({ turn_id }) => turn_id === exchange.turn_id)
      if (exchange.message_id !== null && !open) exchange.over(true)
    }
  }
}
