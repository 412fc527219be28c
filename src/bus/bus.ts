// Between instances. Everybody publishes here, and only what is delivered from here reaches clients, also in one process.
// A bus may lose, repeat and reorder: rows are the truth, `seq` shows a gap, and the store fills it.
import type { ServerFrame } from "../protocol/server-frame.ts"

/** What instances tell each other and no client: who looks on from there, by user. */
export interface HereNote {
  readonly type: "here"
  readonly data: {
    readonly instance: string
    /** user_id -> devices. */
    readonly users: Readonly<Record<string, number>>
    /** The others are to say the same of themselves. */
    readonly asks: boolean
  }
}

/** Who is writing there just now, by user; said again while it lasts. */
export interface TypingNote {
  readonly type: "typing"
  readonly data: { readonly instance: string; readonly users: Readonly<Record<string, number>> }
}

/** Up to where the owner has read; it is kept. */
export interface ReadNote {
  readonly type: "read"
  readonly data: { readonly user_id: number; readonly seq: number }
}

export type Note = HereNote | TypingNote | ReadNote
export type BusFrame = ServerFrame | Note

export type OnDelivery = (session_id: string, frame: BusFrame) => void

export interface Bus {
  /** False: nothing is heard of other instances just now. */
  readonly connected: boolean
  /** There are no others: this is the bus of a single process. */
  readonly alone: boolean
  /** Hands a frame to every instance that subscribed to the chat, this one included. Never waits, never throws. */
  publish(session_id: string, frame: BusFrame): void
  subscribe(session_id: string): void
  unsubscribe(session_id: string): void
  /** Sets who is told of deliveries; one per instance. */
  onDelivery(tell: OnDelivery): void
  close(): Promise<void>
}
