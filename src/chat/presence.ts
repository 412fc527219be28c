// Who is here: the devices that look at a chat, on all instances. Of the moment and not of the log: instances tell each other
// over the bus, and what an instance does not repeat is forgotten (P5.9). Without a bus each knows its own devices.
import type { Bus, HereNote } from "../bus/bus.ts"
import type { Cancel, Clock } from "../clock.ts"
import { newTraceId } from "../ids.ts"
import type { Here } from "../protocol/server-frame.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"

export interface PresenceDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly instance: string
  /** Those that are in memory here. */
  readonly chats: Iterable<LiveChat> & { peek(session_id: string): LiveChat | undefined }
}

type Users = Readonly<Record<string, number>>

/** Milliseconds. Those who come together are told of together, and more often than that nobody is told. */
const gather = 100
const repeatEvery = 10_000
/** With one in so many repetitions the others of a chat are asked: what the bus lost while it was away is made up for. */
const askEvery = 3
/** An instance that was not heard of for so long has died, or is cut off. */
const forgetAfter = 25_000
/** So many are named; `devices` counts all. */
const most = 50

export class Presence {
  readonly #deps: PresenceDeps
  /** session_id -> instance -> who looks on there. */
  readonly #elsewhere = new Map<string, Map<string, { readonly users: Users; readonly heard_at: number }>>()
  /** What those who look on here were told last. */
  readonly #told = new Map<string, { readonly text: string; readonly at: number }>()
  readonly #gathering = new Map<string, Cancel>()
  /** Chats of which the other instances are to hear. */
  readonly #unsaid = new Set<string>()
  #repeated = 0
  #over = false

  constructor(deps: PresenceDeps) {
    this.#deps = deps
  }

  /** Repeats what others must hear, forgets those that were not heard of, until cancelled. */
  start(): Cancel {
    const cancel = this.#deps.clock.every(repeatEvery, () => this.#sweep())
    return () => {
      this.#over = true
      cancel()
      for (const stop of this.#gathering.values()) stop()
      this.#gathering.clear()
    }
  }

  of(chat: LiveChat): Here {
    const devices = new Map<number, number>()
    for (const users of [this.#here(chat), ...this.#others(chat.session.id)]) {
      for (const [user, count] of Object.entries(users)) {
        devices.set(Number(user), (devices.get(Number(user)) ?? 0) + count)
      }
    }
    const users = [...devices].sort(([a], [b]) => a - b).map(([user_id, count]) => ({ user_id, devices: count }))
    return { devices: users.reduce((sum, user) => sum + user.devices, 0), users: users.slice(0, most) }
  }

  /** Does anybody look on from another instance? */
  isElsewhere(session_id: string): boolean {
    return this.#others(session_id).some((users) => Object.keys(users).length > 0)
  }

  /** Somebody came or left here. */
  changed(chat: LiveChat): void {
    if (this.#over) return
    this.#unsaid.add(chat.session.id)
    this.#gather(chat)
  }

  #gather(chat: LiveChat): void {
    const { id } = chat.session
    if (this.#over || this.#gathering.has(id)) return
    const together = () => {
      this.#gathering.delete(id)
      if (this.#unsaid.delete(id)) this.#note(chat, !this.#told.has(id))
      this.#tell(chat)
    }
    this.#gathering.set(id, this.#deps.clock.after(gather, together))
  }

  /** Another instance says who looks on there. */
  heard(chat: LiveChat, { instance, users, asks }: HereNote["data"]): void {
    // The bus brings everybody their own as well.
    if (instance === this.#deps.instance) return
    const { id } = chat.session
    const known = this.#elsewhere.get(id) ?? new Map()
    this.#elsewhere.set(id, known)
    if (Object.keys(users).length > 0) known.set(instance, { users, heard_at: this.#deps.clock.now() })
    else known.delete(instance)
    if (known.size === 0) this.#elsewhere.delete(id)
    if (asks && chat.followers.length > 0) this.#note(chat, false)
    this.#tell(chat)
  }

  /** The chat left memory here. */
  forget(session_id: string): void {
    this.#gathering.get(session_id)?.()
    this.#gathering.delete(session_id)
    this.#unsaid.delete(session_id)
    this.#elsewhere.delete(session_id)
    this.#told.delete(session_id)
  }

  #here({ followers }: LiveChat): Users {
    const users: Record<string, number> = {}
    for (const { principal } of followers) users[principal.user_id] = (users[principal.user_id] ?? 0) + 1
    return users
  }

  #others(session_id: string): Users[] {
    return [...(this.#elsewhere.get(session_id)?.values() ?? [])].map(({ users }) => users)
  }

  #note(chat: LiveChat, asks: boolean): void {
    const { bus, instance } = this.#deps
    if (bus.connected) bus.publish(chat.session.id, { type: "here", data: { instance, users: this.#here(chat), asks } })
  }

  /** Tells those who look on here, if it is news to them. */
  #tell(chat: LiveChat): void {
    const { id, chat_id } = chat.session
    if (chat.followers.length === 0) {
      this.#told.delete(id)
      return
    }
    const here = this.of(chat)
    const text = JSON.stringify(here)
    const told = this.#told.get(id)
    // Who is alone was told so by `start`.
    if (told?.text === text || (told === undefined && here.devices === 1)) return
    const at = this.#deps.clock.now()
    if (told && at < told.at + gather && at >= told.at) {
      this.#gather(chat)
      return
    }
    this.#told.set(id, { text, at })
    chat.accept({ type: "status", data: { ...statusOf(chat), here }, trace_id: newTraceId(), chat_id })
  }

  #sweep(): void {
    const before = this.#deps.clock.now() - forgetAfter
    for (const [session_id, known] of this.#elsewhere) {
      const chat = this.#deps.chats.peek(session_id)
      for (const [instance, { heard_at }] of known) if (heard_at < before) known.delete(instance)
      if (known.size === 0) this.#elsewhere.delete(session_id)
      if (!chat) continue
      if (chat.followers.length > 0) this.#note(chat, false)
      this.#tell(chat)
    }
    this.#askAround()
  }

  /** Not of all chats at once, which could be many. */
  #askAround(): void {
    if (this.#deps.bus.alone) return
    this.#repeated += 1
    let place = this.#repeated
    for (const chat of this.#deps.chats)
      if (place++ % askEvery === 0 && chat.followers.length > 0) this.#note(chat, true)
  }
}
