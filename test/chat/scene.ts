// The heart alone: a manager on a real database, with a bus and a store that the test can disturb, and followers made of arrays.
import type { Principal } from "../../src/auth/token.ts"
import type { Bus, BusFrame, OnDelivery } from "../../src/bus/bus.ts"
import type { Follower } from "../../src/chat/follower.ts"
import { ChatManager } from "../../src/chat/manager.ts"
import { type Environment, loadConfig } from "../../src/config.ts"
import type { ChatError } from "../../src/errors.ts"
import { createRegistry } from "../../src/handlers/registry.ts"
import { silentLog } from "../../src/log.ts"
import { type ClientFrame, type ClientFrameInput, ClientFrame as frameSchema } from "../../src/protocol/client-frame.ts"
import { ServerFrame } from "../../src/protocol/server-frame.ts"
import type { Session } from "../../src/protocol/session.ts"
import { openGraphCheckpoints } from "../../src/store/graph-checkpoints.ts"
import { Writer } from "../../src/store/writer.ts"
import { FakeClock } from "../support/clock.ts"
import { openTestDatabase } from "../support/database.ts"
import { noFiles } from "../support/no-files.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { until } from "../support/until.ts"
import { type GatedDatabase, gated } from "./gated-database.ts"

export const user: Principal = { user_id: 1, role: "user", expires_at: Number.MAX_SAFE_INTEGER }

/** A bus that brings a frame as often as the test says: 0 = it is lost. Late ones come with `flush`, in any order. */
export class LossyBus implements Bus {
  readonly connected = true
  readonly alone = false
  readonly published: ServerFrame[] = []
  /** Frames that are held back. */
  readonly held: [session_id: string, frame: ServerFrame][] = []
  /** How often it is delivered at once, or that it is held back. */
  fate: (frame: ServerFrame) => number | "held" = () => 1
  /** The buses of other instances, and whether they hear of a frame. */
  readonly others: LossyBus[] = []
  heard: (frame: ServerFrame) => boolean = () => true
  readonly #subscribed = new Set<string>()
  #deliver: OnDelivery = () => undefined

  publish(session_id: string, frame: ServerFrame): void {
    this.published.push(frame)
    const fate = this.fate(frame)
    if (fate === "held") this.held.push([session_id, frame])
    else for (let times = 0; times < fate; times++) this.deliver(session_id, frame)
    for (const other of this.others) if (this.heard(frame)) other.deliver(session_id, frame)
  }

  deliver(session_id: string, frame: BusFrame): void {
    if (this.#subscribed.has(session_id)) this.#deliver(session_id, frame)
  }

  /** Brings what was held back. */
  flush(): void {
    for (const [session_id, frame] of this.held.splice(0)) this.deliver(session_id, frame)
  }

  subscribe(session_id: string): void {
    this.#subscribed.add(session_id)
  }

  unsubscribe(session_id: string): void {
    this.#subscribed.delete(session_id)
  }

  onDelivery(tell: OnDelivery): void {
    this.#deliver = tell
  }

  async close(): Promise<void> {
    this.#subscribed.clear()
  }
}

export class TestFollower implements Follower {
  readonly principal = user
  readonly language = "en"
  readonly frames: ServerFrame[] = []
  readonly following = new Set<string>()
  readonly dropped: ChatError[] = []
  open = true
  #full = false
  #resolve: (() => void)[] = []

  get full(): boolean {
    return this.#full
  }

  set full(full: boolean) {
    this.#full = full
    if (!full) for (const resolve of this.#resolve.splice(0)) resolve()
  }

  /** The places of the events that came. */
  get seqs(): number[] {
    return this.frames.flatMap((frame) => ("seq" in frame && frame.seq !== undefined ? [frame.seq] : []))
  }

  together(send: () => void): void {
    send()
  }

  send(text: string): void {
    if (this.open) this.frames.push(ServerFrame.parse(JSON.parse(text)))
  }

  follow(session_id: string): void {
    this.following.add(session_id)
  }

  unfollow(session_id: string): void {
    this.following.delete(session_id)
  }

  follows(session_id: string): boolean {
    return this.following.has(session_id)
  }

  checkBacklog(): void {}

  writable(): Promise<void> {
    return this.full && this.open ? new Promise((resolve) => this.#resolve.push(resolve)) : Promise.resolve()
  }

  drop(_session_id: string, error: ChatError): void {
    this.dropped.push(error)
  }

  close(): void {
    this.open = false
  }
}

export interface Scene extends AsyncDisposable {
  readonly clock: FakeClock
  readonly bus: LossyBus
  readonly db: GatedDatabase
  readonly bot: ReturnType<typeof scriptedHandler>
  readonly manager: ChatManager
  /** Can the bot go on after a crash? */
  readonly resumable: boolean
  readonly session: Session
  /** Joins a new follower and waits for the end of the replay. */
  join(request?: { cursor?: number }): Promise<TestFollower>
  /** A follower that is still outside. */
  follower(): TestFollower
  say(text: string, id?: string): ReturnType<ChatManager["handleMessage"]>
  /** Resolves when an event of this type has been published so often. */
  published(type: ServerFrame["type"], times?: number): Promise<void>
}

/**
 * A further instance on the same database, by its own way to it if one is given. Both must be listed in one `await using` order:
 * this one ends first.
 */
export function openBeside(scene: Scene, { db = scene.db, instance = "ins_second" } = {}): Promise<Scene> {
  return open({}, scene.clock, { ...db, kind: "server" }, { first: scene, resumable: scene.resumable, instance })
}

/** `server`: others may be beside it. */
export async function openScene(
  env: Environment = {},
  { resumable = false, kind = "file" }: { resumable?: boolean; kind?: GatedDatabase["kind"] } = {},
): Promise<Scene> {
  const real = await openTestDatabase()
  const scene = await open(env, new FakeClock(), { ...gated(real), kind }, { resumable, instance: "ins_first" })
  return {
    ...scene,
    async [Symbol.asyncDispose]() {
      await scene[Symbol.asyncDispose]()
      await real[Symbol.asyncDispose]()
    },
  }
}

async function open(
  env: Environment,
  clock: FakeClock,
  db: GatedDatabase,
  { first, resumable, instance }: { first?: Scene; resumable: boolean; instance: string },
): Promise<Scene> {
  const bus = new LossyBus()
  const bot = scriptedHandler("scripted", { resumable })
  const config = loadConfig({ CHAT_AUTO_TITLE: "off", ...env })
  const followers = new Set<TestFollower>()
  const registry = await createRegistry({ flows: [scripted], model: config.model }, { scripted: bot.handler })
  if (first) {
    bus.others.push(first.bus)
    first.bus.others.push(bus)
  }
  const manager = new ChatManager({
    ...{ db, bus, clock, config, registry, writer: new Writer(db, clock), log: silentLog, instance },
    graphsOf: (turn) => openGraphCheckpoints(db, turn),
    filesOf: () => noFiles,
    fanOut(session_id, _, text) {
      for (const follower of followers) if (follower.following.has(session_id)) follower.send(text)
      return true
    },
  })
  await manager.start()
  const session = first?.session ?? (await manager.createSession(user, { flow_id: "default", chat_id: "c1" }))
  const follower = () => {
    const made = new TestFollower()
    followers.add(made)
    return made
  }
  return {
    ...{ clock, bus, db, bot, manager, session, follower, resumable },
    async join(request = {}) {
      const made = follower()
      await manager.join(made, session.id, { ...request, trace_id: "t-join" })
      return made
    },
    say: (text, id) =>
      manager.handleMessage(session.id, messageOf({ kind: "text", text }, id), {
        ...{ principal: user, language: "en", trace_id: "t-say" },
      }),
    published: (type, times = 1) =>
      until(() => bus.published.filter((frame) => frame.type === type).length >= times, `${times} ${type}`),
    async [Symbol.asyncDispose]() {
      db.open()
      await manager.drain(0)
    },
  }
}

const scripted = { flow_id: "*", chat_type: "NORMAL" as const, handler: "scripted", options: {} }

/** A message as it comes out of the codec. */
export function messageOf(data: Extract<ClientFrameInput, { type: "message" }>["data"], id?: string) {
  const frame: ClientFrame = frameSchema.parse({ type: "message", data, ...(id === undefined ? {} : { id }) })
  if (frame.type !== "message") throw new Error("not a message")
  return frame
}
