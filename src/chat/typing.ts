// Who is writing just now: of the moment, like who is here. A device says so now and then while it lasts; instances tell each
// other over the bus, and what is not said again is over after some seconds (P5.10).
import type { Bus, TypingNote } from "../bus/bus.ts"
import type { Cancel, Clock } from "../clock.ts"
import { newTraceId } from "../ids.ts"
import { encode } from "../protocol/codec.ts"
import type { TypingUsers } from "../protocol/server-frame.ts"
import type { Follower } from "./follower.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"

export interface TypingDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly instance: string
}

/** Milliseconds. Nobody is told more often than that. */
const gather = 100
const lasts = 6000
/** What other instances say may be some time on its way. */
const grace = 1000
/** So many are named. */
const most = 50

interface Writing {
  readonly here: Map<Follower, { readonly user_id: number; readonly until: number }>
  /** By instance: user_id -> devices. */
  readonly elsewhere: Map<string, { readonly users: Readonly<Record<string, number>>; readonly until: number }>
  /** What each was told last, if that was anything. */
  readonly told: Map<Follower, string>
  /** The other instances are to hear of it. */
  unsaid: boolean
  gathering: Cancel | null
  ending: Cancel | null
}

const nobody = "[]"

export class Typing {
  readonly #deps: TypingDeps
  readonly #chats = new Map<string, Writing>()
  #over = false

  constructor(deps: TypingDeps) {
    this.#deps = deps
  }

  /** The instance stops. */
  stop(): void {
    this.#over = true
    for (const session_id of [...this.#chats.keys()]) this.forget(session_id)
  }

  /** A device here says that it is writing, or no longer. */
  set(chat: LiveChat, follower: Follower, on: boolean): void {
    if (this.#over || (on && !chat.followers.includes(follower))) return
    const known = this.#chats.get(chat.session.id)
    if (!on && !known?.here.delete(follower)) return
    const writing = known ?? this.#add(chat)
    if (on) writing.here.set(follower, { user_id: follower.principal.user_id, until: this.#deps.clock.now() + lasts })
    writing.unsaid = true
    this.#gather(chat, writing)
  }

  /** It is not here any more. */
  left(chat: LiveChat, follower: Follower): void {
    this.#chats.get(chat.session.id)?.told.delete(follower)
    this.set(chat, follower, false)
  }

  /** Another instance says who is writing there. */
  heard(chat: LiveChat, { instance, users }: TypingNote["data"]): void {
    if (this.#over || instance === this.#deps.instance) return
    const known = this.#chats.get(chat.session.id)
    if (Object.keys(users).length === 0) {
      if (!known?.elsewhere.delete(instance)) return
      this.#gather(chat, known)
      return
    }
    const writing = known ?? this.#add(chat)
    writing.elsewhere.set(instance, { users, until: this.#deps.clock.now() + lasts + grace })
    this.#gather(chat, writing)
  }

  /** The chat left memory here. */
  forget(session_id: string): void {
    const writing = this.#chats.get(session_id)
    writing?.gathering?.()
    writing?.ending?.()
    this.#chats.delete(session_id)
  }

  #add({ session }: LiveChat): Writing {
    const empty = { here: new Map(), elsewhere: new Map(), told: new Map() }
    const writing: Writing = { ...empty, unsaid: false, gathering: null, ending: null }
    this.#chats.set(session.id, writing)
    return writing
  }

  #gather(chat: LiveChat, writing: Writing): void {
    writing.gathering ??= this.#deps.clock.after(gather, () => {
      writing.gathering = null
      this.#tell(chat, writing)
    })
  }

  #tell(chat: LiveChat, writing: Writing): void {
    const { bus, clock, instance } = this.#deps
    const now = clock.now()
    for (const [follower, { until }] of writing.here) if (until <= now) writing.here.delete(follower)
    for (const [id, { until }] of writing.elsewhere) if (until <= now) writing.elsewhere.delete(id)
    if (writing.unsaid && bus.connected)
      bus.publish(chat.session.id, {
        type: "typing",
        data: { instance, users: Object.fromEntries(count(writing.here)) },
      })
    writing.unsaid = false
    for (const follower of chat.followers) this.#tellOne(chat, writing, follower)
    const ends = [...writing.here.values(), ...writing.elsewhere.values()].map(({ until }) => until)
    writing.ending?.()
    writing.ending = ends.length > 0 ? clock.after(Math.min(...ends) - now, () => this.#tell(chat, writing)) : null
    if (ends.length === 0 && writing.told.size === 0) this.forget(chat.session.id)
  }

  /** Of the others, if that is news to it. */
  #tellOne(chat: LiveChat, writing: Writing, follower: Follower): void {
    // Not into a replay; and what is of the moment is nothing to one that is behind.
    if (!follower.follows(chat.session.id) || follower.full) return
    const typing = usersOf(writing, follower)
    const text = JSON.stringify(typing)
    if (text === (writing.told.get(follower) ?? nobody)) return
    if (text === nobody) writing.told.delete(follower)
    else writing.told.set(follower, text)
    const { chat_id } = chat.session
    follower.send(encode({ type: "status", data: { ...statusOf(chat), typing }, trace_id: newTraceId(), chat_id }))
  }
}

function usersOf({ here, elsewhere }: Writing, but: Follower): TypingUsers {
  const devices = count(here, but)
  for (const { users } of elsewhere.values()) {
    for (const [user, times] of Object.entries(users))
      devices.set(Number(user), (devices.get(Number(user)) ?? 0) + times)
  }
  const users = [...devices].sort(([a], [b]) => a - b).map(([user_id, times]) => ({ user_id, devices: times }))
  return users.slice(0, most)
}

function count(here: Writing["here"], but?: Follower): Map<number, number> {
  const devices = new Map<number, number>()
  for (const [follower, { user_id }] of here)
    if (follower !== but) devices.set(user_id, (devices.get(user_id) ?? 0) + 1)
  return devices
}
