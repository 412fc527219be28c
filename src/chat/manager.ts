// The heart's front: everything that a live chat must notice goes through here. Method names are the seed's.
import type { Principal } from "../auth/token.ts"
import type { Bus } from "../bus/bus.ts"
import { type Clock, delay, timestamp } from "../clock.ts"
import type { Config } from "../config.ts"
import { ChatError } from "../errors.ts"
import type { Registry } from "../handlers/registry.ts"
import { newId } from "../ids.ts"
import type { Log } from "../log.ts"
import type { ClientFrameOf } from "../protocol/client-frame.ts"
import { encode } from "../protocol/codec.ts"
import type { InterruptResult, Status } from "../protocol/server-frame.ts"
import type { ChatType, Session } from "../protocol/session.ts"
import type { Database } from "../store/database.ts"
import { sessionByKey } from "../store/events.ts"
import { deletableMessages, insertSession, moveLifecycle, sessionByName } from "../store/session-changes.ts"
import type { Writer } from "../store/writer.ts"
import { stopOf } from "./commands.ts"
import { Emitter } from "./emit.ts"
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

/** Which chat of which bot a client came for. */
export interface ChatRequest {
  readonly flow_id: string
  readonly chat_id?: string | undefined
  readonly chat_type?: ChatType | undefined
  readonly topic?: string | undefined
  readonly logo?: string | undefined
}

export interface ActiveSession {
  readonly session: Session
  readonly connections: number
  readonly running: boolean
}

export class ChatManager {
  readonly #deps: ManagerDeps
  readonly #emitter: Emitter
  readonly #chats: LiveChats
  readonly #messages: MessageHandler
  readonly #turns: TurnRunner
  #draining = false

  constructor(deps: ManagerDeps) {
    this.#deps = deps
    const { db, bus, clock, log, config } = deps
    this.#emitter = new Emitter(deps.writer, bus, clock)
    this.#chats = new LiveChats({
      ...{ db, bus, clock, log, fanOut: deps.fanOut },
      keep_ms: config.chat.connection_timeout * 1000,
      onIdle: async (chat) => void (await moveLifecycle(db, chat.session.id, ["active"], "paused")),
    })
    this.#turns = new TurnRunner({ ...deps, emitter: this.#emitter, chats: this.#chats })
    this.#messages = new MessageHandler({
      ...{ db, clock, emitter: this.#emitter },
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
  async start(): Promise<void> {
    await this.#turns.recover()
  }

  /** A client came: finds its chat or makes it (P1.3). It follows nothing before it joins. */
  async dispatchClient(principal: Principal, request: ChatRequest): Promise<Session> {
    this.#refuseWhenDraining()
    const known = request.chat_id && (await sessionByName(this.#deps.db, principal.user_id, request.chat_id))
    if (known) return this.#fitting(known, request)
    const made = await this.#insert(principal, request)
    if (made) return made
    // Another device of the same user made it in this moment.
    const other = request.chat_id && (await sessionByName(this.#deps.db, principal.user_id, request.chat_id))
    if (!other) throw new ChatError("internal", { cause: new Error("a session could be neither made nor found") })
    return this.#fitting(other, request)
  }

  /** The caller's session of this name; missing, deleted and foreign ones are all `not_found`. */
  async findOwn({ user_id }: Principal, chat_id: string): Promise<Session> {
    const session = await sessionByName(this.#deps.db, user_id, chat_id)
    if (!session || session.deleted_at) throw new ChatError("not_found", { params: { what: "chat" } })
    return session
  }

  /** Makes a session; `chat_exists` when the caller has one of this name. */
  async createSession(principal: Principal, request: ChatRequest): Promise<Session> {
    this.#refuseWhenDraining()
    const made = await this.#insert(principal, request)
    if (!made) throw new ChatError("chat_exists")
    return made
  }

  /** Brings a client to the present of a chat and leaves it live (section 5). */
  async join(follower: Follower, session_id: string, request: ResumeRequest): Promise<void> {
    const { db, config, instance } = this.#deps
    const chat = await this.#openFor(follower, session_id)
    await this.#awake(chat, request.trace_id)
    const { max_replay_events, max_history_messages } = config.chat
    await resume({ db, instance, max_replay_events, max_history_messages }, chat, follower, request)
  }

  /** Sends again what is being said, to a client that was too slow for the deltas (P7.5). */
  catchUp(follower: Follower, session_id: string): void {
    const chat = this.#chats.peek(session_id)
    if (!chat?.followers.has(follower.id)) return
    for (const frame of chat.streams.catchUp(chat.session.chat_id)) follower.send(encode(frame))
  }

  /** A client left a chat; without a client, everybody is sent away from it. */
  disconnectClient(session_id: string, follower?: Follower, error = new ChatError("chat_deleted")): void {
    const chat = this.#chats.peek(session_id)
    if (!chat) return
    for (const one of follower ? [follower] : [...chat.followers.values()]) {
      chat.followers.delete(one.id)
      one.unfollow(session_id)
      if (!follower) one.drop(session_id, error)
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
    const { session } = await this.#chats.open(session_id)
    const { chat_id, flow_id, chat_type, user_id } = session
    const id = newId("message")
    const { seqs } = await this.#emitter.append(session, {
      trace_id,
      guard: { open: true },
      messages: [
        {
          ...{
            id,
            session_id,
            chat_id,
            flow_id,
            chat_type,
            user_id,
            message: text,
            is_bot: true,
            kind: "text",
            state: "completed",
          },
          ...{
            parts: [],
            extra: null,
            source: 0,
            turn_id: null,
            client_id: null,
            reply_to: null,
            liked: 0,
            usage: null,
          },
          create_time: timestamp(this.#deps.clock.now()),
          deleted_at: null,
        },
      ],
      events: [{ kind: "result", ref: id, data: null }],
    })
    if (seqs[0] === undefined) throw new ChatError("session_ended")
    return seqs[0]
  }

  /** Stops the running turn, or the named one (P6.4). Waits up to `wait_ms` for the confirmation. */
  async interrupt(
    principal: Principal,
    session: Pick<Session, "id">,
    request: { turn_id?: string | undefined; wait_ms: number; trace_id: string },
  ): Promise<{ result: InterruptResult; turn_id: string | null; seq: number | null }> {
    const chat = await this.#chats.open(session.id)
    const turn = request.turn_id ? chat.turns.find(({ turn_id }) => turn_id === request.turn_id) : chat.turns[0]
    if (!turn) return { result: "too_late", turn_id: request.turn_id ?? null, seq: null }
    const { turn_id } = turn
    const ended = chat.turnEnded(turn_id).then(() => true)
    const seq = await this.#turns.stop(chat, turn, stopOf(turn_id, principal.user_id), request.trace_id)
    const confirmed = await Promise.race([ended, delay(this.#deps.clock, request.wait_ms).then(() => false)])
    if (confirmed) return { result: seq === null ? "too_late" : "confirmed", turn_id, seq }
    return { result: "requested", turn_id, seq }
  }

  /** Ends the session for good (P6.6). Resolves with the place of the event; null when it had ended before. */
  async endSession(session_id: string, caller: Caller): Promise<number | null> {
    const chat = await this.#chats.open(session_id)
    const session: Session = { ...chat.session, state: "ended", lifecycle: "ended" }
    const { seqs } = await this.#emitter.append(chat.session, {
      trace_id: caller.trace_id,
      guard: { open: true },
      events: [{ kind: "status", ref: null, data: statusOf({ ...viewOf(chat), session }, ["state", "lifecycle"]) }],
      session: { state: "ended", lifecycle: "ended" },
    })
    chat.running?.stop("stopped")
    return seqs[0] ?? null
  }

  async updateSession(
    _principal: Principal,
    { id }: Pick<Session, "id">,
    change: { topic?: string | null | undefined; logo?: string | null | undefined },
    trace_id: string,
  ): Promise<Session> {
    const chat = await this.#chats.open(id)
    const { topic, logo } = change
    const set = { ...(topic === undefined ? {} : { topic }), ...(logo === undefined ? {} : { logo }) }
    const changed = Object.keys(set) as ("topic" | "logo")[]
    const { seqs } = await this.#emitter.append(chat.session, {
      trace_id,
      events: [
        {
          kind: "status",
          ref: null,
          data: statusOf({ ...viewOf(chat), session: { ...chat.session, ...set } }, changed),
        },
      ],
      session: set,
    })
    const session = seqs.length > 0 ? await sessionByKey(this.#deps.db, id) : undefined
    if (!session) throw new ChatError("not_found", { params: { what: "session" } })
    return session
  }

  /** Deletes a session, softly: it is gone for everybody, its clients are told, its running turn is stopped. */
  async deleteSession(_principal: Principal, { id }: Pick<Session, "id">, trace_id: string): Promise<void> {
    const chat = await this.#chats.open(id)
    const { seqs } = await this.#emitter.append(chat.session, {
      trace_id,
      events: [{ kind: "status", ref: null, data: statusOf(viewOf(chat), ["deleted"]) }],
      session: { deleted_at: timestamp(this.#deps.clock.now()), state: "ended", lifecycle: "ended" },
    })
    if (seqs.length === 0) throw new ChatError("not_found", { params: { what: "session" } })
    chat.running?.stop("stopped")
    this.disconnectClient(id)
  }

  /** Deletes messages, softly; returns the ids that were deleted now. */
  async deleteMessages(
    _principal: Principal,
    { id }: Pick<Session, "id">,
    ids: readonly string[],
    trace_id: string,
  ): Promise<string[]> {
    const found = await deletableMessages(this.#deps.db, id, ids)
    if (found.length === 0) return []
    const chat = await this.#chats.open(id)
    const status: Status = { ...statusOf(viewOf(chat), ["messages"]), deleted_messages: found }
    const { seqs } = await this.#emitter.append(chat.session, {
      trace_id,
      events: [{ kind: "status", ref: null, data: status }],
      delete_messages: found,
    })
    return seqs.length > 0 ? found : []
  }

  /** The state as it is now (P6.8). */
  async status(session: Pick<Session, "id">): Promise<Status> {
    return statusOf(viewOf(await this.#chats.open(session.id)))
  }

  /** The highest seq of a chat that is in memory. */
  top(session_id: string): number | undefined {
    return this.#chats.peek(session_id)?.top
  }

  /** Chats that somebody here looks at, or that a turn runs in. */
  getActiveSessions(): ActiveSession[] {
    return [...this.#chats]
      .filter((chat) => chat.followers.size > 0 || chat.running)
      .map((chat) => ({ session: chat.session, connections: chat.followers.size, running: chat.running !== null }))
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

  #fitting(session: Session, { flow_id, chat_type }: ChatRequest): Session {
    if (session.deleted_at) throw new ChatError("chat_deleted")
    if (session.flow_id !== flow_id || (chat_type && session.chat_type !== chat_type)) {
      throw new ChatError("flow_mismatch", { params: { flow_id: session.flow_id, chat_type: session.chat_type } })
    }
    return session
  }

  async #insert({ user_id }: Principal, request: ChatRequest): Promise<Session | undefined> {
    const { flow_id, chat_id = newId("chat"), chat_type = "NORMAL", topic = null, logo = null } = request
    if (!this.#deps.registry.pick(flow_id, chat_type))
      throw new ChatError("unknown_flow", { params: { flow_id, chat_type } })
    const now = timestamp(this.#deps.clock.now())
    const session: Session = {
      ...{ id: newId("session"), user_id, chat_id, flow_id, chat_type, topic, logo },
      ...{ state: "initialized", lifecycle: "created", last_seq: 0, epoch: newId("epoch") },
      ...{ create_time: now, update_time: now, deleted_at: null },
    }
    return (await insertSession(this.#deps.db, session)) ? session : undefined
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

  async #awake(chat: LiveChat, trace_id: string): Promise<void> {
    const { id, chat_id, lifecycle } = chat.session
    if (lifecycle !== "created" && lifecycle !== "paused") return
    if (!(await moveLifecycle(this.#deps.db, id, ["created", "paused"], "active"))) return
    const data = statusOf({ ...viewOf(chat), session: { ...chat.session, lifecycle: "active" } }, ["lifecycle"])
    this.#emitter.publish(id, { type: "status", data, trace_id, chat_id })
  }
}

function viewOf({ session, turns, question }: LiveChat): Pick<LiveChat, "session" | "turns" | "question"> {
  return { session, turns, question }
}
