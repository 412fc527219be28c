// The heart's front: everything that a live chat must notice goes through here. Method names are the seed's.
import type { Principal } from "../auth/token.ts"
import type { Cancel } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { ClientFrameOf } from "../protocol/client-frame.ts"
import type { Service, Status } from "../protocol/server-frame.ts"
import type { Lifecycle, Session } from "../protocol/session.ts"
import { RateLimits } from "../rate-limit.ts"
import { Gathered } from "../store/gathered.ts"
import { insertSessions, moveLifecycles, pauseAll } from "../store/session-changes.ts"
import type { Accepted } from "./ask.ts"
import { type ActiveSession, Audience } from "./audience.ts"
import {
  type ChangeDeps,
  deleteMessages,
  deleteSession,
  endSession,
  type SessionChange,
  speak,
  updateSession,
} from "./changes.ts"
import { Emitter } from "./emit.ts"
import { startExpiry } from "./expiry.ts"
import { type ChatRequest, createNew, type FindDeps, findOrCreate, findOwn } from "./find-session.ts"
import type { Caller, Follower } from "./follower.ts"
import { statusOf } from "./frames.ts"
import { type Interrupted, type InterruptRequest, interrupt } from "./interrupt.ts"
import type { LiveChat } from "./live-chat.ts"
import { LiveChats } from "./live-chats.ts"
import type { ManagerDeps } from "./manager-deps.ts"
import { MessageHandler } from "./message-handler.ts"
import { Moment } from "./moment.ts"
import type { ResumeRequest } from "./resume.ts"
import { startSafetyNet } from "./safety-net.ts"
import { lifecyclesBefore } from "./state.ts"
import { TurnRunner } from "./turn-runner.ts"

type Key = Pick<Session, "id">

export class ChatManager {
  readonly moment: Moment
  readonly #deps: ManagerDeps
  readonly #find: FindDeps
  readonly #changes: ChangeDeps
  readonly #chats: LiveChats
  readonly #pauses: Gathered<string, boolean>
  readonly #audience: Audience
  readonly #messages: MessageHandler
  readonly #turns: TurnRunner
  #cancelWatches: Cancel = () => undefined
  #draining = false

  constructor(deps: ManagerDeps) {
    this.#deps = deps
    const { db, bus, clock, log, config, fanOut } = deps
    const emitter = new Emitter(deps.writer, bus, clock)
    const { new_chats_rate, new_chats_burst: burst } = config.chat
    this.#find = {
      db,
      registry: deps.registry,
      clock,
      inserts: new Gathered<Session, boolean>(clock, (made) => insertSessions(db, made)),
      creations: new RateLimits(clock, { rate: new_chats_rate / 60, burst }),
    }
    this.#changes = { db, emitter, clock }
    const moves = (to: Lifecycle) =>
      new Gathered<string, boolean>(clock, (ids) => moveLifecycles(db, ids, lifecyclesBefore(to), to))
    this.#pauses = moves("paused")
    this.#chats = new LiveChats({
      ...{ db, bus, clock, log, fanOut },
      keep_ms: config.chat.connection_timeout * 1000,
      max_exchanges: Math.floor(config.chat.max_history_messages / 2),
      onDeleted: (chat) => this.#audience.empty(chat.session.id, new ChatError("chat_deleted")),
      onNote: (chat, note) => this.moment.heard(chat, note),
      onIdle: async (chat) => this.#rest(chat),
    })
    this.moment = new Moment({ ...deps, chats: this.#chats })
    const { max_replay_events, max_history_messages, max_concurrent_sessions, max_chats_per_user } = config.chat
    this.#audience = new Audience({
      ...{ db, emitter, chats: this.#chats, presence: this.moment.presence, instance: deps.instance },
      wakes: moves("active"),
      ...{ max_replay_events, max_history_messages, max_concurrent_sessions, max_chats_per_user },
    })
    this.#turns = new TurnRunner({ ...deps, emitter, chats: this.#chats })
    this.#messages = new MessageHandler({
      ...{ db, clock, emitter, filesOf: deps.filesOf },
      registry: deps.registry,
      max_message_length: config.chat.max_message_length,
      max_queued_turns: config.chat.max_queued_turns,
      lease: () => this.#turns.lease(),
      startTurn: (chat, turn) => this.#turns.start(chat, turn),
      adoptTurn: (chat, turn_id) => this.#turns.adopt(chat, turn_id),
    })
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Takes over what a dead instance left, keeps the lease of this instance, and looks after what others do. */
  async start(): Promise<void> {
    const { db } = this.#deps
    if (db.kind === "file") await pauseAll(db, "all")
    await this.#turns.recover()
    this.moment.start()
    const cancelExpiry = startExpiry({ ...this.#deps, ...this.#changes })
    const net = {
      ...this.#deps,
      chats: this.#chats,
      moment: this.moment,
      rouse: (chat: LiveChat) => this.#audience.rouse(chat),
    }
    const cancelNet = db.kind === "server" ? startSafetyNet(net) : undefined
    this.#cancelWatches = () => {
      cancelExpiry()
      cancelNet?.()
    }
  }

  /** A client came: finds its chat or makes it (P1.3). It follows nothing before it joins. */
  async dispatchClient(principal: Principal, request: ChatRequest): Promise<Session> {
    this.#refuseWhenDraining()
    return findOrCreate(this.#find, principal, request)
  }

  /** The caller's session of this name, or `not_found`. */
  findOwn(principal: Principal, chat_id: string): Promise<Session> {
    return findOwn(this.#deps.db, principal, chat_id)
  }

  /** Makes a session; `chat_exists` or `chat_deleted` when the caller has, or had, one of this name. */
  async createSession(principal: Principal, request: ChatRequest): Promise<Session> {
    this.#refuseWhenDraining()
    return createNew(this.#find, principal, request)
  }

  /** Brings a client to the present of a chat and leaves it live (section 5). */
  join(follower: Follower, session_id: string, request: ResumeRequest): Promise<void> {
    return this.#audience.join(follower, session_id, request)
  }

  /** Sends again what is being said, to a client that was too slow for the deltas (P7.5). */
  catchUp(follower: Follower, session_id: string): void {
    this.#audience.catchUp(follower, session_id)
  }

  /** A client left a chat. */
  disconnectClient(session_id: string, follower: Follower): void {
    this.moment.left(session_id, follower)
    this.#audience.leave(session_id, follower)
  }

  /** A person said something. Resolves after the commit. */
  async handleMessage(
    session_id: string,
    frame: Pick<ClientFrameOf<"message">, "data" | "id">,
    caller: Caller,
  ): Promise<Accepted> {
    this.#refuseWhenDraining()
    return this.#turns.expect(this.#chats.with(session_id, (chat) => this.#messages.handleMessage(chat, frame, caller)))
  }

  /** Says something to everybody in a chat in the bot's name, outside a turn. Resolves with its place. */
  async sendMessage(session_id: string, text: string, trace_id: string): Promise<number> {
    return this.#chats.with(session_id, (chat) => speak(this.#changes, chat, text, trace_id))
  }

  /** Stops the running turn, or the named one (P6.4). Waits up to `wait_ms` for the confirmation. */
  interrupt(principal: Principal, { id }: Key, request: InterruptRequest): Promise<Interrupted> {
    return this.#chats.with(id, (chat) => interrupt({ ...this.#deps, turns: this.#turns }, chat, principal, request))
  }

  /** Ends the session for good (P6.6). Resolves with the place of the event; null when it had ended before. */
  async endSession(session_id: string, { trace_id }: Caller): Promise<number | null> {
    return this.#chats.with(session_id, (chat) => endSession(this.#changes, chat, trace_id))
  }

  async updateSession(_by: Principal, { id }: Key, change: SessionChange, trace_id: string): Promise<Session> {
    return this.#chats.with(id, (chat) => updateSession(this.#changes, chat, change, trace_id))
  }

  /** Deletes a session, softly; its clients are told and sent away. */
  async deleteSession(_by: Principal, { id }: Key, trace_id: string): Promise<void> {
    await this.#chats.with(id, (chat) => deleteSession(this.#changes, chat, trace_id))
  }

  /** Deletes messages, softly; resolves with the ids that were deleted now. */
  async deleteMessages(_by: Principal, { id }: Key, ids: readonly string[], trace_id: string): Promise<string[]> {
    return this.#chats.with(id, (chat) => deleteMessages(this.#changes, chat, ids, trace_id))
  }

  /** The state as it is now (P6.8). */
  async status({ id }: Key): Promise<Status> {
    const chat = await this.#chats.open(id)
    return { ...statusOf(chat), here: this.moment.presence.of(chat), service: this.service }
  }

  /** How this instance is doing. */
  get service(): Service {
    const { db, bus } = this.#deps
    return { store: db.health.away ? "away" : "ok", bus: bus.connected ? "ok" : bus.alone ? "none" : "away" }
  }

  /** The highest seq of a chat that is in memory. */
  top(session_id: string): number | undefined {
    return this.#chats.peek(session_id)?.top
  }

  /** Does a turn of this chat run on this instance? */
  isRunning(session_id: string): boolean {
    return this.#chats.peek(session_id)?.running != null
  }

  /** Chats that somebody here looks at, or that a turn runs in. */
  getActiveSessions(): ActiveSession[] {
    return this.#audience.active()
  }

  /** Nothing new from now on; running turns get `timeout_ms`, then they are interrupted with their text kept. */
  async drain(timeout_ms: number): Promise<void> {
    this.#draining = true
    await this.#turns.drain(timeout_ms)
    this.#cancelWatches()
    await this.moment.stop()
    await this.#chats.close()
  }

  /** The chat left memory here. Unless somebody looks on elsewhere, it is paused. */
  async #rest({ session: { id } }: LiveChat): Promise<void> {
    const watched = this.moment.presence.isElsewhere(id)
    this.moment.forget(id)
    if (!watched) await this.#pauses.do(id)
  }

  #refuseWhenDraining(): void {
    if (this.#draining) throw new ChatError("draining", { retry_after_ms: 2000 })
  }
}
