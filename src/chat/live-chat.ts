// Way 10: one chat that somebody here looks at or works on. Takes what the bus delivers, in `seq` order, keeps the state
// that the events add up to, and hands each frame on, encoded once.
import type { Clock } from "../clock.ts"
import type { Log } from "../log.ts"
import { encode } from "../protocol/codec.ts"
import type { Progress, ServerFrame } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { OpenTurn, Question, TurnEnd } from "../protocol/turn.ts"
import type { Database } from "../store/database.ts"
import { type ChatState, eventsSince } from "../store/events.ts"
import type { TurnRow } from "../store/schema.ts"
import { fold } from "./fold.ts"
import type { Follower } from "./follower.ts"
import { type ChatView, type DurableFrame, frameOf, isDurable, viewOf } from "./frames.ts"
import { Talk } from "./talk.ts"
import { TextGaps } from "./text-gaps.ts"

/**
 * Sends to all who follow. `events` must arrive; `deltas` may be left out for a slow client, since `result` repeats them
 * (P4.2). False: somebody may not be keeping up.
 */
export type FanOut = (session_id: string, channel: "events" | "deltas", text: string) => boolean

export interface LiveChatDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly fanOut: FanOut
  /** Exchanges that a bot gets as context. */
  readonly max_exchanges: number
  /** The chat is gone, and everybody here has been told. */
  onDeleted(chat: LiveChat): void
}

/** The turn that runs on this instance. */
export interface Running {
  readonly turn_id: string
  readonly generation: number
  stop(reason: "stopped" | "drained" | "deposed"): void
}

/** How long an event that is ahead of its turn is held before the store is asked for what is missing. */
const gapPatience = 50

export class LiveChat {
  /** Few, mostly one: a set of one takes 400 bytes more, of each chat. */
  readonly followers: Follower[] = []
  running: Running | null = null
  /** How many are at work with it; it stays in memory for so long. */
  holds = 0
  readonly #deps: LiveChatDeps
  #view: ChatView
  #talk: Talk | null = null

  constructor(state: ChatState, deps: LiveChatDeps) {
    this.#deps = deps
    this.#view = viewOf(state)
    for (const turn of state.turns) {
      if (turn.stop_requested_at) this.talk.stops.add(turn.id)
      this.talk.streams.addKept(turn)
    }
  }

  get talk(): Talk {
    this.#talk ??= new Talk()
    return this.#talk
  }

  get session(): Session {
    return this.#view.session
  }

  /** Open turns, first in line first. */
  get turns(): readonly OpenTurn[] {
    return this.#view.turns
  }

  get question(): Question | null {
    return this.#view.question
  }

  /** The `seq` up to which everything was taken. */
  get top(): number {
    return this.session.last_seq
  }

  /** Somebody looks at it or works with it. */
  get needed(): boolean {
    return this.followers.length > 0 || this.running !== null || this.holds > 0
  }

  /** The open turn of this id, or the first in line; undefined when there is none. */
  turn(turn_id?: string): OpenTurn | undefined {
    return turn_id === undefined ? this.turns[0] : this.turns.find((turn) => turn.turn_id === turn_id)
  }

  /** A turn begins to run here. Its stop may have been asked for since the commit that took it. */
  begin(running: Running): void {
    // Somebody else has ended it meanwhile, or this one is a later run of it.
    this.running?.stop("deposed")
    this.running = running
    if (this.talk.stops.has(running.turn_id)) running.stop("stopped")
  }

  /** Resolves when the turn, which is open now, has ended. */
  turnEnded(turn_id: string): Promise<TurnEnd> {
    const { ends } = this.talk
    return new Promise((resolve) => ends.set(turn_id, [...(ends.get(turn_id) ?? []), resolve]))
  }

  /** Frames that bring a client to the present of what is being said; `offsets` tells what it has. */
  catchUp(offsets?: Readonly<Record<string, number>>): ServerFrame[] {
    return this.#talk?.streams.catchUp(this.session.chat_id, offsets) ?? []
  }

  /** A delivery of the bus. */
  accept(frame: ServerFrame): void {
    if (isDurable(frame)) {
      this.#acceptDurable(frame)
      return
    }
    if (frame.type === "progress") {
      const { talk } = this
      const pieces = talk.streams.add(frame.data, frame.trace_id)
      this.#show(pieces, frame.trace_id)
      if (pieces.length === 0) this.#watchGaps(talk, frame.data)
      return
    }
    if (frame.type === "status") {
      const { lifecycle, read } = frame.data
      const read_seq = Math.max(this.session.read_seq, read?.seq ?? 0)
      this.#view = { ...this.#view, session: { ...this.session, lifecycle, read_seq } }
    }
    this.#fanOut("events", encode(frame))
  }

  /** A piece came that cannot be shown: the one before it may be missing. */
  #watchGaps(talk: Talk, piece: Progress): void {
    const { streams } = talk
    const found = (turn: TurnRow) => this.#show(streams.addKept(turn), turn.trace_id)
    talk.textGaps ??= new TextGaps({ ...this.#deps, streams, found })
    talk.textGaps.watch(piece)
  }

  #show(pieces: readonly Progress[], trace_id: string): void {
    if (this.followers.length === 0) return
    const { chat_id } = this.session
    for (const data of pieces) this.#fanOut("deltas", encode({ type: "progress", data, trace_id, chat_id }))
  }

  #acceptDurable(frame: DurableFrame): void {
    if (frame.seq <= this.top) return
    if (frame.seq > this.top + 1) {
      this.talk.ahead.set(frame.seq, frame)
      this.#awaitGap()
      return
    }
    this.#apply(frame)
    const next = () => this.talk.ahead.get(this.top + 1)
    for (let held = next(); held; held = next()) this.#apply(held)
  }

  #apply(frame: DurableFrame): void {
    const text = encode(frame)
    this.talk.ahead.delete(frame.seq)
    this.#react(frame)
    this.#view = fold(this.#view, frame, this.#deps.clock.now())
    this.talk.ring.push(frame.seq, text)
    this.#fanOut("events", text)
    if (this.session.deleted_at) this.#deps.onDeleted(this)
  }

  #fanOut(channel: "events" | "deltas", text: string): void {
    if (this.followers.length === 0 || this.#deps.fanOut(this.session.id, channel, text)) return
    for (const follower of this.followers) follower.checkBacklog()
  }

  /** What an event sets going here, besides what it adds up to (chat/fold.ts). */
  #react(frame: DurableFrame): void {
    const { ring, streams, context, ends, stops } = this.talk
    switch (frame.type) {
      case "result":
        streams.end(frame.data.id)
        context.answered(frame.data)
        return
      case "interrupt":
        if (frame.data.turn_id) stops.add(frame.data.turn_id)
        if (this.running && frame.data.turn_id === this.running.turn_id) this.running.stop("stopped")
        return
      case "end": {
        const { turn_id, state } = frame.data
        streams.endTurn(turn_id)
        context.ended(frame.data, this.#deps.max_exchanges)
        for (const resolve of ends.get(turn_id) ?? []) resolve(state)
        ends.delete(turn_id)
        stops.delete(turn_id)
        return
      }
      case "status": {
        const { state, changed, feedback } = frame.data
        // The ring holds frames as they were sent; what was deleted may not come out of it again (P4.3).
        if (changed.includes("messages")) {
          ring.clear()
          if (!feedback) context.forget()
        }
        // Whoever ended or deleted it, and on whichever instance: the turn that runs here ends as well (P6.6).
        if (changed.includes("deleted") || (changed.includes("state") && state === "ended"))
          this.running?.stop("stopped")
        return
      }
    }
  }

  #awaitGap(): void {
    const { talk } = this
    if (talk.filling) return
    talk.filling = true
    this.#deps.clock.after(gapPatience, () => {
      talk.filling = false
      if (talk.ahead.size > 0) void this.fill()
    })
  }

  /** Reads from the store what the bus did not bring. */
  async fill(): Promise<void> {
    try {
      for (;;) {
        const page = await eventsSince(this.#deps.db, this.session.id, this.top, 200)
        for (const logged of page) this.#acceptDurable(frameOf(this.session.chat_id, logged))
        if (page.length < 200) return
      }
    } catch (error) {
      this.#deps.log.warn({ err: error, chat_id: this.session.chat_id }, "a gap could not be filled yet")
      if (this.talk.ahead.size > 0) this.#awaitGap()
    }
  }
}
