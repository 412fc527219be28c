// Small signs to the other devices that nobody waits for: that the person is writing, and up to where they have read.
import type { TypingUsers } from "../protocol/server-frame.ts"
import type { ClientClock } from "./clock.ts"

export interface SignsSink {
  send(frame: object): boolean
  typing(users: TypingUsers): void
}

/** The service forgets it after 6 s (P5.10). */
const AGAIN_MS = 3000
const never = Number.NEGATIVE_INFINITY

export class Signs {
  readonly #clock: ClientClock
  readonly #sink: SignsSink
  /** When it was said last that the person is writing. */
  #typing_at = never
  #read = 0
  #others: TypingUsers = []

  constructor(clock: ClientClock, sink: SignsSink) {
    this.#clock = clock
    this.#sink = sink
  }

  /** To be called with each key that is pressed: it is said only now and then. */
  typing(on: boolean): void {
    const now = this.#clock.now()
    if (on ? now - this.#typing_at < AGAIN_MS : this.#typing_at === never) return
    const sent = this.#sink.send({ type: "status", data: { typing: on } })
    this.#typing_at = on && sent ? now : never
  }

  /** A message ends it at the service. */
  said(): void {
    this.#typing_at = never
  }

  read(seq: number): void {
    if (seq <= this.#read) return
    this.#read = seq
    this.#tellRead()
  }

  /** The connection is there (again); the service knows that so much was read. */
  live(read_seq: number): void {
    if (this.#read > read_seq) this.#tellRead()
  }

  /** Nobody tells any more when it is over. */
  lost(): void {
    this.#typing_at = never
    if (this.#others.length > 0) this.told([])
  }

  /** Who is writing now, on other devices. */
  told(users: TypingUsers): void {
    this.#others = users
    this.#sink.typing(users)
  }

  #tellRead(): void {
    this.#sink.send({ type: "ack", data: { seq: this.#read } })
  }
}
