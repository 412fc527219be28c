// What is known of the session: its state, the open turns in order, the bot's question that waits for an answer. Told by the
// service at each join, and from then on what the events add up to.
import type { Here, Joined, ServerFrameOf, Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { OpenTurn, Question } from "../protocol/turn.ts"
import type { DurableEvent } from "./frame.ts"

export class SessionState {
  #session: Session | null = null
  #turns: readonly OpenTurn[] = []
  #question: Question | null = null
  #here: Here | null = null

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

  /** Who looks at the chat now; null until it is joined for the first time. */
  get here(): Here | null {
    return this.#here
  }

  joined({ session, turns, question, here }: Joined): void {
    this.#here = here
    this.#session = session
    this.#turns = turns
    this.#question = question
  }

  /** The answer to our own `status`. */
  told({ state, lifecycle, topic, logo, head, turns, question, here }: Status): void {
    this.#here = here ?? this.#here
    this.#set({ state, lifecycle, topic, logo, head })
    this.#turns = turns
    this.#question = question
  }

  /** Somebody came, left, or read on. The rest of such a status is what another instance knew, perhaps less than we do. */
  moved({ lifecycle, here, read }: Status): void {
    this.#here = here ?? this.#here
    this.#set({ lifecycle })
    if (read && read.seq > (this.#session?.read_seq ?? 0)) this.#set({ read_seq: read.seq })
  }

  apply(event: DurableEvent): void {
    // What is replayed happened before the join told how things are now.
    if (!this.#session || event.seq <= this.#session.last_seq) return
    this.#set({ last_seq: event.seq })
    if (event.type === "status") this.#changed(event.data)
    if (event.type === "message") this.#asked(event)
    if (event.type === "result") this.#answered(event)
    if (event.type === "end") this.#ended(event)
  }

  #set(news: Partial<Session>): void {
    if (this.#session) this.#session = { ...this.#session, ...news }
  }

  /** Only what `changed` names is of this place in the log. */
  #changed({ changed, turns, question, regenerated, counters, ...data }: Status): void {
    for (const field of ["state", "lifecycle", "topic", "logo"] as const) {
      if (changed.includes(field)) this.#set({ [field]: data[field] })
    }
    if (changed.includes("branch")) this.#set({ head: data.head })
    if (counters) this.#set(counters)
    if (changed.includes("turns")) this.#turns = turns
    if (changed.includes("question")) this.#question = question
    if (regenerated) this.#opened(regenerated)
    if (this.#session?.state === "ended") this.#question = null
  }

  #asked({ data: { id, turn_id, parts, create_time } }: ServerFrameOf<"message">): void {
    if (parts.some((part) => part.type === "input" && part.input_id === this.#question?.input_id)) this.#question = null
    if (turn_id === null) return
    const open = this.#turns.find((turn) => turn.turn_id === turn_id)
    if (!open) {
      this.#opened({ turn_id, message_id: id, create_time })
      this.#set({ head: id })
    } else {
      const joined = { ...open, merged: [...(open.merged ?? []), id] }
      this.#turns = this.#turns.map((turn) => (turn === open ? joined : turn))
    }
  }

  #opened(turn: Omit<OpenTurn, "state">): void {
    const state = this.#turns.length === 0 ? "running" : "queued"
    this.#turns = [...this.#turns, { ...turn, state }]
    this.#set({ state: "running", lifecycle: "active" })
  }

  /** The conversation goes on from its last answer, unless the person is on another branch by now, or asked once more (P6.12). */
  #answered({ data: { id, turn_id, reply_to } }: ServerFrameOf<"result">): void {
    const again = this.#turns.some((turn) => turn.message_id === reply_to && turn.turn_id !== turn_id)
    if (turn_id !== null && this.#session?.head === reply_to && !again) this.#set({ head: id })
  }

  #ended({ data }: ServerFrameOf<"end">): void {
    this.#question = data.question ?? this.#question
    this.#turns = this.#turns
      .filter(({ turn_id }) => turn_id !== data.turn_id)
      .map((turn, place) => (place === 0 ? { ...turn, state: "running" } : turn))
    if (this.#session?.state === "ended") return
    const resting = data.state === "failed" ? "interrupted" : data.state
    this.#set({ state: this.#turns.length > 0 ? "running" : this.#question ? "waiting_input" : resting })
  }
}
