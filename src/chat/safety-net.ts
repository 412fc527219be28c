// The bus may lose, the store may not (promise 9): asks the store, in one query for all chats in memory, which of them went
// on without us, and reads what is missing. It alone is enough for several instances to be right, a little later.
import type { Bus } from "../bus/bus.ts"
import type { Cancel, Clock } from "../clock.ts"
import type { Log } from "../log.ts"
import type { Database } from "../store/database.ts"
import { lastSeqs } from "../store/events.ts"
import type { LiveChat } from "./live-chat.ts"
import type { Moment } from "./moment.ts"

export interface SafetyNetDeps {
  readonly db: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly chats: Iterable<LiveChat>
  /** Another instance let this chat rest: it did not know that somebody here looks on. */
  rouse(chat: LiveChat): Promise<void>
  /** Is told how far the owner has read, on whatever instance. */
  readonly moment: Pick<Moment, "kept">
}

/** Milliseconds between two looks: without the bus it is the only way to hear of others. */
const lookEvery = { connected: 1000, alone: 250 }

export function startSafetyNet({ db, bus, clock, log, chats, moment, rouse }: SafetyNetDeps): Cancel {
  let cancel: Cancel = () => undefined
  let over = false

  const look = async () => {
    try {
      const live = new Map([...chats].map((chat) => [chat.session.id, chat]))
      const tops = live.size > 0 ? await lastSeqs(db, [...live.keys()]) : []
      for (const { id, last_seq, lifecycle, read_seq } of tops) {
        const chat = live.get(id)
        if (chat && chat.top < last_seq) await chat.fill()
        if (chat) moment.kept(chat, { user_id: chat.session.user_id, seq: read_seq })
        if (chat && lifecycle === "paused") await rouse(chat)
      }
    } catch (error) {
      log.warn({ err: error }, "the store could not be asked what happened on other instances")
    }
    next()
  }
  const next = () => {
    if (!over) cancel = clock.after(bus.connected ? lookEvery.connected : lookEvery.alone, () => void look())
  }
  next()
  return () => {
    over = true
    cancel()
  }
}
