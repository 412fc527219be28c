// The heart's front: everything that a live chat must notice goes through here. Method names are the seed's.
import type { Principal } from "../auth/token.ts"
import type { Bus } from "../bus/bus.ts"
import { type Clock, delay } from "../clock.ts"
import type { Config } from "../config.ts"
import { ChatError } from "../errors.ts"
import type { Registry } from "../handlers/registry.ts"
import type { Log } from "../log.ts"
import type { ClientFrameOf } from "../protocol/client-frame.ts"
import { encode } from "../protocol/codec.ts"
import type { InterruptResult, Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "../store/database.ts"
import { moveLifecycle } from "../store/session-changes.ts"
import type { Writer } from "../store/writer.ts"
import {
  type ChangeDeps,
  deleteMessages,
  deleteSession,
  endSession,
  type SessionChange,
  speak,
  updateSession,
} from "./changes.ts"
import { stopOf } from "./commands.ts"
import { Emitter } from "./emit.ts"
import { type ChatRequest, create, findOrCreate, findOwn } from "./find-session.ts"
import type { Caller, Follower } from "./follower.ts"
import { statusOf } from "./frames.ts"
import type { FanOut, LiveChat } from "./live-chat.ts"
import { LiveChats } from "./live-chats.ts"
import { type Accepted, MessageHandler } from "./message-handler.ts"
import { type ResumeRequest, resume } from "./resume.ts"
import { TurnRunner } from "./turn-runner.ts"

export interface ManagerDeps {
  readonly db: Database
  readonly writer: Writer
  readonly bus: Bus
  readonly registry: Registry
  readonly clock: Clock
  readonly log: Log
  readonly config: Config
  readonly instance: string
  readonly fanOut: FanOut
}

export interface ActiveSession {
  readonly session: Session
  readonly connections: number
  readonly running: boolean
}

type Key = Pick<Session, "id">

export class ChatManager {
  readonly #deps: ManagerDeps
  readonly #changes: ChangeDeps
  readonly #chats: LiveChats
  readonly #messages: MessageHandler
  readonly #turns: TurnRunner
  #draining = false

  constructor(deps: ManagerDeps) {
    this.#deps = deps
    const { db, bus, clock, log, config, fanOut } = deps
    const emitter = new Emitter(deps.writer, bus, clock)
    this.#changes = { db, emitter, clock }
    this.#chats = new LiveChats({
      ...{ db, bus, clock, log, fanOut },
      keep_ms: config.chat.connection_timeout * 1000,
      max_exchanges: Math.floor(config.chat.max_history_messages / 2),
      onIdle: async (chat) => void (await moveLifecycle(db, chat.session.id, ["active"], "paused")),
    })
    this.#turns = new TurnRunner({ ...deps, emitter, chats: this.#chats })
    this.#messages = new MessageHandler({
      ...{ db, clock, emitter },
      max_message_length: config.chat.max_message_length,
      max_queued_turns: config.chat.max_queued_turns,
      lease: () => this.#turns.lease(),
      startTurn: (chat, turn) => this.#turns.start(chat, turn),
    })
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Takes over what a dead instance left, and keeps the leases of our own turns. */
  start(): Promise<void> {
    return this.#turns.recover()
  }

  /** A client came: finds its chat or makes it (P1.3). It follows nothing before it joins. */
  async dispatchClient(principal: Principal, request: ChatRequest): Promise<Session> {
    this.#refuseWhenDraining()
    return findOrCreate(this.#deps, principal, request)
  }

  /** The caller's session of this name, or `not_found`. */
  findOwn(principal: Principal, chat_id: string): Promise<Session> {
    return findOwn(this.#deps.db, principal, chat_id)
  }

  /** Makes a session; `chat_exists` when the caller has, or had, one of this name. */
  async createSession(principal: Principal, request: ChatRequest): Promise<Session> {
    this.#refuseWhenDraining()
    const made = await create(this.#deps, principal, request)
    if (!made) throw new ChatError("chat_exists")
    return made
  }

  /** Brings a client to the present of a chat and leaves it live (section 5). */
  async join(follower: Follower, session_id: string, request: ResumeRequest): Promise<void> {
    const { db, config, instance } = this.#deps
    const { max_replay_events, max_history_messages } = config.chat
    const chat = await this.#openFor(follower, session_id)
    await this.#wake(chat, request.trace_id)
    await resume({ db, instance, max_replay_events, max_history_messages }, chat, follower, request)
  }

  /** Sends again what is being said, to a client that was too slow for the deltas (P7.5). */
  catchUp(follower: Follower, session_id: string): void {
    const chat = this.#chats.peek(session_id)
    if (!chat?.followers.has(follower.id)) return
    for (const frame of chat.streams.catchUp(chat.session.chat_id)) follower.send(encode(frame))
  }

  /** A client left a chat; without a client, everybody is sent away from it, and told why. */
  disconnectClient(session_id: string, follower?: Follower, why = new ChatError("chat_deleted")): void {
    const chat = this.#chats.peek(session_id)
    if (!chat) return
    for (const one of follower ? [follower] : [...chat.followers.values()]) {
      chat.followers.delete(one.id)
      one.unfollow(session_id)
      if (!follower) one.drop(session_id, why)
    }
    this.#chats.touch(chat)
  }

  /** A person said something. Resolves after the commit. */
  async handleMessage(
    session_id: string,
    frame: Pick<ClientFrameOf<"message">, "data" | "id">,
    caller: Caller,
  ): Promise<Accepted> {
    this.#refuseWhenDraining()
    return this.#messages.handleMessage(await this.#chats.open(session_id), frame, caller)
  }

  /** Says something to everybody in a chat in the bot's name, outside a turn. Resolves with its place. */
  async sendMessage(session_id: string, text: string, trace_id: string): Promise<number> {
    return speak(this.#changes, await this.#chats.open(session_id), text, trace_id)
  }

  /** Stops the running turn, or the named one (P6.4). Waits up to `wait_ms` for the confirmation. */
  async interrupt(
    principal: Principal,
    { id }: Key,
    request: { turn_id?: string | undefined; wait_ms: number; trace_id: string },
  ): Promise<{ result: InterruptResult; turn_id: string | null; seq: number | null }> {
    const chat = await this.#chats.open(id)
    const turn = request.turn_id ? chat.turns.find(({ turn_id }) => turn_id === request.turn_id) : chat.turns[0]
    if (!turn) return { result: "too_late", turn_id: request.turn_id ?? null, seq: null }
    const { turn_id } = turn
    const ended = chat.turnEnded(turn_id)
    const seq = await this.#turns.stop(chat, turn, stopOf(turn_id, principal.user_id), request.trace_id)
    if (request.wait_ms === 0) return { result: "requested", turn_id, seq }
    const end = await Promise.race([ended, delay(this.#deps.clock, request.wait_ms)])
    if (end === undefined) return { result: "requested", turn_id, seq }
    return { result: end === "interrupted" ? "confirmed" : "too_late", turn_id, seq }
  }

  /** Ends the session for good (P6.6). Resolves with the place of the event; null when it had ended before. */
  async endSession(session_id: string, { trace_id }: Caller): Promise<number | null> {
    return endSession(this.#changes, await this.#chats.open(session_id), trace_id)
  }

  async updateSession(_by: Principal, { id }: Key, change: SessionChange, trace_id: string): Promise<Session> {
    return updateSession(this.#changes, await this.#chats.open(id), change, trace_id)
  }

  /** Deletes a session, softly; its clients are told and sent away. */
  async deleteSession(_by: Principal, { id }: Key, trace_id: string): Promise<void> {
    await deleteSession(this.#changes, await this.#chats.open(id), trace_id)
    this.disconnectClient(id)
  }

  /** Deletes messages, softly; resolves with the ids that were deleted now. */
  async deleteMessages(_by: Principal, { id }: Key, ids: readonly string[], trace_id: string): Promise<string[]> {
    return deleteMessages(this.#changes, await this.#chats.open(id), ids, trace_id)
  }

  /** The state as it is now (P6.8). */
  async status({ id }: Key): Promise<Status> {
    return statusOf(await this.#chats.open(id))
  }

  /** The highest seq of a chat that is in memory. */
  top(session_id: string): number | undefined {
    return this.#chats.peek(session_id)?.top
  }

  /** Chats that somebody here looks at, or that a turn runs in. */
  getActiveSessions(): ActiveSession[] {
    return [...this.#chats]
      .filter((chat) => chat.followers.size > 0 || chat.running)
      .map((chat) => ({
        session: chat.session,
        connections: chat.followers.size,
        running: chat.running !== null,
      }))
  }

  /** Nothing new from now on; running turns get `timeout_ms`, then they are interrupted with their text kept. */
  async drain(timeout_ms: number): Promise<void> {
    this.#draining = true
    await this.#turns.drain(timeout_ms)
    this.#chats.close()
  }

  #refuseWhenDraining(): void {
    if (this.#draining) throw new ChatError("draining", { retry_after_ms: 2000 })
  }

  async #openFor(follower: Follower, session_id: string): Promise<LiveChat> {
    const limit = this.#deps.config.chat.max_concurrent_sessions
    const known = this.#chats.peek(session_id)
    if (!known?.followers.size && this.#chats.size >= limit && this.getActiveSessions().length >= limit) {
      throw new ChatError("too_many_sessions", { retry_after_ms: 5000 })
    }
    const chat = await this.#chats.open(session_id)
    if (chat.session.deleted_at) throw new ChatError("chat_deleted")
    chat.followers.set(follower.id, follower)
    this.#chats.touch(chat)
    return chat
  }

  /** A chat that nobody looked at is active again. Of the moment, not of the log: it says nothing about what was said. */
  async #wake(chat: LiveChat, trace_id: string): Promise<void> {
    const { id, chat_id, lifecycle } = chat.session
    if (lifecycle !== "created" && lifecycle !== "paused") return
    if (!(await moveLifecycle(this.#deps.db, id, ["created", "paused"], "active"))) return
    const data: Status = { ...statusOf(chat, ["lifecycle"]), lifecycle: "active" }
    this.#changes.emitter.publish(id, { type: "status", data, trace_id, chat_id })
  }
}
