// A turn that runs, and what ends it from outside: a stop, or its time.
import type { Cancel, Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { Held } from "../store/turns.ts"
import type { Running } from "./live-chat.ts"

export class RunningTurn extends AbortController implements Running {
  readonly turn_id: string
  readonly generation: number
  readonly #clock: Clock
  #cancel: Cancel | null = null

  constructor({ id, generation }: Held, clock: Clock) {
    super()
    this.turn_id = id
    this.generation = generation
    this.#clock = clock
  }

  stop(reason: Parameters<Running["stop"]>[0]): void {
    this.abort(reason)
  }

  /** The bot may take so many seconds from now on. */
  within(seconds: number): void {
    this.#cancel = this.#clock.after(seconds * 1000, () =>
      this.abort(new ChatError("handler_timeout", { params: { seconds } })),
    )
  }

  /** The turn is over. */
  done(): void {
    this.#cancel?.()
  }
}
