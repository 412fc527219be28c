// Wires the parts together: what comes from the socket goes to the part that it concerns.
import type { Read, ServerFrame, ServerFrameOf, TypingUsers } from "../protocol/server-frame.ts"
import { type AnswerNews, Answers } from "./answers.ts"
import { systemClock } from "./clock.ts"
import { Connection, type ConnectionState } from "./connection.ts"
import { ClientError, closedHere } from "./error.ts"
import { Follower, type Snapshot } from "./follower.ts"
import type { DurableEvent } from "./frame.ts"
import { addressOf, type ChatOptions, socketOf } from "./options.ts"
import { Outbox } from "./outbox.ts"
import { SessionState } from "./session-state.ts"
import { Signs } from "./signs.ts"
import { TokenRefresh } from "./token.ts"

export interface EngineSink {
  event(event: DurableEvent): void
  /** `status` and `interrupt` that are not in the log: answers to this client alone. */
  aside(frame: ServerFrameOf<"status"> | ServerFrameOf<"interrupt">): void
  news(news: AnswerNews): void
  typing(users: TypingUsers): void
  read(read: Read): void
  snapshot(snapshot: Snapshot): void
  changed(state: ConnectionState): void
  failed(error: ClientError): void
}

export class Engine {
  readonly answers = new Answers()
  readonly session = new SessionState()
  readonly follower: Follower
  readonly outbox: Outbox
  readonly signs: Signs
  readonly connection: Connection
  readonly #chat_id: string
  readonly #token: TokenRefresh
  readonly #sink: EngineSink
  #state: ConnectionState = { state: "connecting", attempt: 1 }

  constructor(options: ChatOptions, chat_id: string, sink: EngineSink) {
    const { clock = systemClock, random = Math.random, token, cursor = null, epoch = null } = options
    const send = (frame: object) => this.connection.send(frame)
    const { failed } = sink
    this.#chat_id = chat_id
    this.#sink = sink
    this.connection = new Connection(
      { address: addressOf(options, chat_id), token, WebSocket: socketOf(options.WebSocket), clock, random },
      {
        changed: (state) => this.#changed(state),
        opened: () => this.#opened(),
        received: (f) => this.#receive(f),
        failed,
      },
    )
    this.outbox = new Outbox({ clock, send })
    this.signs = new Signs(clock, { send, typing: sink.typing })
    this.#token = new TokenRefresh(token, { send, failed })
    this.follower = new Follower({ cursor, epoch }, this.answers, clock, {
      send: (type, data, id) => send({ type, data, id, trace_id: id }),
      joined: (joined) => {
        this.connection.joined()
        this.session.joined(joined)
      },
      live: () => this.#live(),
      silent: () => this.connection.drop(),
      rejected: (error) => this.connection.stop(error),
      event: (event) => {
        this.session.apply(event)
        sink.event(event)
      },
      snapshot: sink.snapshot,
      news: sink.news,
    })
  }

  get state(): ConnectionState {
    return this.#state
  }

  #opened(): void {
    this.follower.opened()
    this.outbox.opened()
  }

  #live(): void {
    this.signs.live(this.session.session?.read_seq ?? 0)
    if (this.#state.state === "connecting") this.#changed({ state: "connected" })
  }

  #changed(state: ConnectionState): void {
    this.#state = state
    if (state.state === "waiting" || state.state === "closed") {
      this.follower.lost()
      this.#token.lost()
      this.outbox.lost()
      this.signs.lost()
    }
    if (state.state === "closed") this.outbox.close(state.error ?? closedHere())
    this.#sink.changed(state)
  }

  #receive(frame: ServerFrame): void {
    // A socket of this client has one chat; frames of another can only be a mistake.
    if ("chat_id" in frame && frame.chat_id !== undefined && frame.chat_id !== this.#chat_id) return
    switch (frame.type) {
      case "start":
        this.follower.start(frame)
        break
      case "message":
      case "result":
      case "end":
        this.follower.durable(frame)
        break
      case "status":
      case "interrupt":
        this.#told(frame)
        break
      case "progress":
        this.follower.progress(frame.data)
        break
      case "ack":
        this.outbox.acked(frame.data)
        break
      case "error":
        this.#refused(frame)
        break
      case "ping":
        this.connection.send({ type: "pong", data: {} })
        this.follower.top(frame.data.top[this.#chat_id] ?? 0)
        break
      case "auth":
        void this.#token.asked(frame)
        break
      default: // `pong` has said all by coming; other types are of a later version
    }
  }

  #told(frame: ServerFrameOf<"status"> | ServerFrameOf<"interrupt">): void {
    const { seq } = frame
    if (seq !== undefined) {
      this.follower.durable({ ...frame, seq })
      return
    }
    if (frame.type === "status") {
      if (this.outbox.told(frame.trace_id, frame.data)) this.session.told(frame.data)
      else this.session.moved(frame.data)
    }
    this.#sink.aside(frame)
    if (frame.type !== "status") return
    const { typing, read } = frame.data
    if (typing) this.signs.told(typing)
    if (read) this.#sink.read(read)
  }

  #refused(frame: ServerFrameOf<"error">): void {
    const { data } = frame
    const fate = this.outbox.refused(data)
    if (fate === "rejected" || this.follower.refused(data)) return
    this.#sink.failed(ClientError.from(data))
  }
}
