// Between instances. Everybody publishes here, and only what is delivered from here reaches clients, also in one process.
// A bus may lose, repeat and reorder: rows are the truth, `seq` shows a gap, and the store fills it.
import type { ServerFrame } from "../protocol/server-frame.ts"

export type OnDelivery = (session_id: string, frame: ServerFrame) => void

export interface Bus {
  /** False: nothing is heard of other instances just now. */
  readonly connected: boolean
  /** Hands a frame to every instance that subscribed to the chat, this one included. Never waits, never throws. */
  publish(session_id: string, frame: ServerFrame): void
  subscribe(session_id: string): void
  unsubscribe(session_id: string): void
  /** Sets who is told of deliveries; one per instance. */
  onDelivery(tell: OnDelivery): void
  close(): Promise<void>
}
