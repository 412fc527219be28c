// Follows the log of the chat: joins, applies events strictly in order, sees gaps and asks for what is missing (P5).
import type { ErrorBody } from "../protocol/error.ts"
import type { Message } from "../protocol/message.ts"
import type { Joined, Progress, ServerFrameOf } from "../protocol/server-frame.ts"
import type { AnswerNews, Answers } from "./answers.ts"
import type { Cancel, ClientClock } from "./clock.ts"
import { ClientError } from "./error.ts"
import { type DurableEvent, newId } from "./frame.ts"

/** The chat as it is, when the events since the cursor could not be had: what was shown before is to be replaced by it. */
export interface Snapshot {
  /** The last messages, oldest first. Older ones: REST, `GET /chat/message/history`. */
  readonly messages: readonly Message[]
  /** The cursor that could not be continued; null when there was none. */
  readonly cursor: number | null
  /** The new cursor. */
  readonly top: number
}

export interface FollowerSink {
  send(type: "start", data: object, id: string): void
  joined(joined: Joined): void
  snapshot(snapshot: Snapshot): void
  event(event: DurableEvent): void
  news(news: AnswerNews): void
  /** Everything up to now has been seen. */
  live(): void
  /** This socket is of no use. */
  silent(): void
  /** The chat cannot be joined. */
  rejected(error: ClientError): void
}

const ANSWER_MS = 10_000
/** Asking is a remedy for rare faults; when it does not help at once, more of it will not. */
const ASK_AGAIN_MS = 1000

export class Follower {
  cursor: number | null
  epoch: string | null
  readonly #answers: Answers
  readonly #clock: ClientClock
  readonly #sink: FollowerSink
  #state: "away" | "asked" | "replaying" | "live" = "away"
  #start_id = ""
  #asked_at = Number.NEGATIVE_INFINITY
  #cancelAnswer: Cancel = () => {}
  #cancelAsk: Cancel | null = null

  constructor(
    place: { cursor: number | null; epoch: string | null },
    answers: Answers,
    clock: ClientClock,
    sink: FollowerSink,
  ) {
    this.cursor = place.cursor
    this.epoch = place.epoch
    this.#answers = answers
    this.#clock = clock
    this.#sink = sink
  }

  /** On a new socket. */
  opened(): void {
    this.#ask()
  }

  /** The socket is gone. */
  lost(): void {
    this.#state = "away"
    this.#quiet()
  }

  /** True when this `error` was the answer to our `start`. */
  refused(body: ErrorBody): boolean {
    if (body.id !== this.#start_id) return false
    this.#quiet()
    if (body.retry) this.#askIn(body.retry_after_ms ?? 0)
    else if (body.code === "token_expired")
      this.#sink.silent() // the next connection brings a fresh token
    else this.#sink.rejected(ClientError.from(body))
    return true
  }

  start({ data, trace_id }: ServerFrameOf<"start">): void {
    // A message may have joined the chat before our `start` did (P5.1): without the cursor, which is no reason to lose it.
    if (trace_id !== this.#start_id && this.cursor !== null) return
    if ("replayed" in data) this.#replayed(data.replayed)
    else this.#joined(data)
  }

  durable(event: DurableEvent): void {
    if (this.cursor === null || event.seq <= this.cursor) return
    if (event.seq > this.cursor + 1) {
      this.#missed()
      return
    }
    this.cursor = event.seq
    if (event.type === "result") this.#answers.finishMessage(event.data.id)
    if (event.type === "end") this.#answers.finishTurn(event.data.turn_id)
    this.#sink.event(event)
  }

  progress(progress: Progress): void {
    const news = this.#answers.merge(progress)
    if (news === "gap") this.#missed()
    else if (news) this.#sink.news(news)
  }

  /** The service says that the log goes up to `top` (P7.1). */
  top(top: number): void {
    if (this.cursor !== null && top > this.cursor) this.#missed()
  }

  #joined(joined: Joined): void {
    this.#cancelAnswer()
    this.#state = "replaying"
    if (joined.epoch !== this.epoch) this.#answers.clear()
    this.epoch = joined.epoch
    this.#sink.joined(joined)
    if (joined.recovered) {
      this.cursor ??= joined.from
      return
    }
    const { cursor } = this
    this.cursor = joined.top
    this.#answers.keep(joined.turns)
    this.#sink.snapshot({ messages: joined.snapshot ?? [], cursor, top: joined.top })
  }

  #replayed(top: number): void {
    if (this.cursor !== null && top > this.cursor) {
      this.#askIn(0)
      return
    }
    this.#state = "live"
    this.#sink.live()
  }

  /** Something is missing. While an answer to `start` is on its way, it will come with that. */
  #missed(): void {
    if (this.#state === "live") this.#askIn(0)
    if (this.#state === "replaying") this.#askIn(ASK_AGAIN_MS)
  }

  #askIn(ms: number): void {
    if (this.#cancelAsk) return
    const wait = Math.max(ms, this.#asked_at + ASK_AGAIN_MS - this.#clock.now())
    if (wait > 0) this.#cancelAsk = this.#clock.after(wait, () => this.#ask())
    else this.#ask()
  }

  #ask(): void {
    this.#quiet()
    this.#state = "asked"
    this.#asked_at = this.#clock.now()
    this.#start_id = newId()
    this.#cancelAnswer = this.#clock.after(ANSWER_MS, () => this.#sink.silent())
    const { cursor, epoch } = this
    const place =
      cursor === null ? {} : { cursor, ...(epoch === null ? {} : { epoch }), offsets: this.#answers.offsets() }
    this.#sink.send("start", place, this.#start_id)
  }

  #quiet(): void {
    this.#cancelAnswer()
    this.#cancelAsk?.()
    this.#cancelAsk = null
  }
}
