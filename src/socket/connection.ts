// Way 3: one client's socket. Its frames are checked and handled one after the other; what its chats say goes back.
import type { ServerWebSocket } from "bun"
import type { Principal } from "../auth/token.ts"
import type { ChatRequest } from "../chat/find-session.ts"
import type { Follower } from "../chat/follower.ts"
import type { ChatManager } from "../chat/manager.ts"
import type { Cancel, Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { newTraceId } from "../ids.ts"
import { describe, type Language } from "../language/language.ts"
import type { Log } from "../log.ts"
import { encode } from "../protocol/codec.ts"
import type { ServerFrame } from "../protocol/server-frame.ts"
import type { ChatConfig } from "../settings.ts"
import { Inbox } from "./inbox.ts"
import { JoinedChats } from "./joined-chats.ts"
import { type Channel, topic } from "./topics.ts"
import type { SocketData } from "./upgrade.ts"

export interface ConnectionDeps {
  readonly manager: ChatManager
  readonly clock: Clock
  readonly log: Log
  readonly config: ChatConfig
  /** Checks a fresh token. */
  verify(token: string): Promise<Principal>
}

/** Above this many bytes waiting a client gets no deltas (P7.5). */
export const slowAt = 262_144
/** A client that says nothing is joined after this time, in milliseconds (P5.1). */
const joinAfter = 1000
/** Most connections rest: what they would keep empty is one for all. */
const none: readonly never[] = []

/** What a refusal is about, so that it finds its way back. */
export interface About {
  readonly trace_id: string
  readonly id?: string | undefined
  readonly chat_id?: string | undefined
}

export class Connection implements Follower {
  readonly deps: ConnectionDeps
  readonly chats: JoinedChats
  readonly inbox: Inbox
  principal: Principal
  /** When it is pinged next, and the end of the token whose renewal was asked for (heartbeat.ts). */
  pingAt: number
  askedFor: number | null = null
  readonly #ws: ServerWebSocket<SocketData>
  /** Null: it has fired; a timer is kept in memory for as long as it can be cancelled. */
  #cancelJoin: Cancel | null
  #open = true
  #slow = false
  #waitingForRoom: readonly (() => void)[] = none
  /** Acks of this turn of the loop. */
  #acks: string[] | null = null

  constructor(ws: ServerWebSocket<SocketData>, principal: Principal, request: ChatRequest, deps: ConnectionDeps) {
    this.#ws = ws
    this.deps = deps
    this.principal = principal
    this.pingAt = deps.clock.now() + deps.config.heartbeat_interval * 1000
    this.chats = new JoinedChats(this)
    this.inbox = new Inbox(this, ws)
    this.inbox.add(() => this.#enter(request))
    // Not before what has come meanwhile was read: when many come at once, its `start` may wait there for longer.
    this.#cancelJoin = deps.clock.after(joinAfter, () => {
      this.#cancelJoin = null
      deps.clock.soon(() => this.inbox.add(() => this.#joinSilently()))
    })
  }

  get language(): Language {
    return this.#ws.data.language
  }

  /** A turn runs here in one of its chats. */
  get isAnswered(): boolean {
    return this.chats.joined().some((session_id) => this.deps.manager.isRunning(session_id))
  }

  get open(): boolean {
    return this.#open
  }

  send(text: string): void {
    this.#sendAcks()
    if (this.#open) this.#ws.send(text)
  }

  /** One call of the system for many frames, instead of one for each. */
  together(send: () => void): void {
    if (this.#open) this.#ws.cork(send)
  }

  sendFrame(frame: ServerFrame): void {
    this.send(encode(frame))
  }

  /** At the end of this turn of the loop: one call of the system for all that a commit brought, events and acks. */
  acknowledge(frame: ServerFrame): void {
    if (!this.#acks) {
      this.#acks = []
      this.deps.clock.soon(() => this.#sendAcks())
    }
    this.#acks.push(encode(frame))
  }

  #sendAcks(): void {
    const acks = this.#acks
    this.#acks = null
    if (acks && this.#open)
      this.#ws.cork((ws) => {
        for (const ack of acks) ws.send(ack)
      })
  }

  ping(): void {
    if (this.#open) this.#ws.ping()
  }

  follow(session_id: string): void {
    if (!this.#open) return
    this.chats.follow(session_id, true)
    this.#ws.subscribe(topic(session_id, this.#slow ? "events" : "all"))
  }

  unfollow(session_id: string): void {
    if (!this.#open) return
    this.chats.follow(session_id, false)
    this.#ws.unsubscribe(topic(session_id, this.#slow ? "events" : "all"))
  }

  follows(session_id: string): boolean {
    return this.chats.followed().includes(session_id)
  }

  get full(): boolean {
    return this.#open && this.#ws.getBufferedAmount() > slowAt
  }

  writable(): Promise<void> {
    if (!this.full) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waitingForRoom = [...this.#waitingForRoom, resolve]
    })
  }

  drop(session_id: string, error: ChatError): void {
    const chat_id = this.chats.forget(session_id)
    if (chat_id === undefined) return
    if (chat_id === this.chats.home) this.close(error)
    else this.refuse(error, { trace_id: newTraceId(), chat_id })
  }

  close(error: ChatError, about: About = { trace_id: newTraceId() }): void {
    this.refuse(error, about)
    // 1011: something went wrong on our side; the client comes back (P8.1).
    this.closeWith(error.row.close ?? 1011, error.code)
  }

  closeWith(code: number, reason: string): void {
    this.#sendAcks()
    if (this.#open) this.#ws.close(code, reason)
  }

  /** Tells this client what was wrong. */
  refuse(error: ChatError, { trace_id, id, chat_id }: About): void {
    const labels = { ...(id === undefined ? {} : { id }), ...(chat_id === undefined ? {} : { chat_id }) }
    this.sendFrame({ type: "error", data: describe(error, this.language, id), trace_id, ...labels })
  }

  checkBacklog(): void {
    if (this.#slow || !this.full) return
    this.#slow = true
    for (const session_id of this.chats.followed()) this.#move(session_id, { from: "all", to: "events" })
  }

  /** What waited has been sent. */
  drained(): void {
    if (!this.#open || this.full) return
    this.#goOn()
    if (!this.#slow) return
    this.#slow = false
    for (const session_id of this.chats.followed()) {
      this.deps.manager.catchUp(this, session_id)
      this.#move(session_id, { from: "events", to: "all" })
    }
  }

  #move(session_id: string, { from, to }: Record<"from" | "to", Channel>): void {
    this.#ws.subscribe(topic(session_id, to))
    this.#ws.unsubscribe(topic(session_id, from))
  }

  #goOn(): void {
    const waiting = this.#waitingForRoom
    this.#waitingForRoom = none
    for (const resolve of waiting) resolve()
  }

  /** The socket is gone. */
  closed(): void {
    this.#open = false
    this.#cancelJoin?.()
    this.inbox.clear()
    this.#goOn()
    for (const session_id of this.chats.joined()) this.deps.manager.disconnectClient(session_id, this)
  }

  /** The first thing in line: nothing that the client says is looked at before its chat is there. */
  async #enter(request: ChatRequest): Promise<void> {
    try {
      this.chats.enter(await this.deps.manager.dispatchClient(this.principal, request))
    } catch (thrown) {
      const error = ChatError.from(thrown)
      const about = { code: error.code, err: error.cause }
      if (error.code === "internal") this.deps.log.error(about, "a connection could not be made")
      // Else only the client would know that the store was away, and nobody why.
      else if (error.cause !== undefined) this.deps.log.warn(about, "a connection could not be made yet")
      this.close(error)
    }
  }

  async #joinSilently(): Promise<void> {
    const { home } = this.chats
    if (home !== null && !this.chats.isJoined(home)) await this.inbox.handle({ type: "start", data: {} })
  }
}
