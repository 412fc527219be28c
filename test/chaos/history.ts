// What happened in a run, as the devices saw it, in the order in which it happened; and what was there in the end.
import type { ConnectionState } from "../../src/client/connection.ts"
import type { DurableEvent } from "../../src/client/frame.ts"
import type { Message } from "../../src/protocol/message.ts"

/** Of one device: one client object, from its making to its end. */
export type Happened =
  /** Where it begins; null: with a snapshot. */
  | { readonly kind: "opened"; readonly cursor: number | null }
  | { readonly kind: "sent"; readonly id: string; readonly text: string; readonly base_seq?: number }
  /** Gave a message that waits in line another text. */
  | { readonly kind: "edited"; readonly message_id: string; readonly text: string }
  | { readonly kind: "acked"; readonly id: string; readonly seq: number | null; readonly dup: boolean }
  /** For good. */
  | { readonly kind: "refused"; readonly id: string; readonly text: string; readonly code: string }
  /** The device was closed before it knew. */
  | { readonly kind: "unknown"; readonly id: string }
  /** A durable event was applied. */
  | { readonly kind: "event"; readonly event: DurableEvent }
  | {
      readonly kind: "snapshot"
      /** The cursor that could not be continued. */
      readonly cursor: number | null
      readonly top: number
      readonly messages: readonly Message[]
    }
  /** A piece of an answer: with it, `length` units of text are here. */
  | {
      readonly kind: "news"
      readonly turn_id: string
      readonly message_id: string
      readonly delta: string
      readonly length: number
    }
  /** It was told of a fault that it gets over by itself. */
  | { readonly kind: "told"; readonly code: string }
  | { readonly kind: "connection"; readonly state: ConnectionState["state"]; readonly code?: number }
  /** The client ended by itself. */
  | { readonly kind: "gave_up"; readonly code: string }
  | { readonly kind: "closed" }

export interface Entry {
  /** Milliseconds since the beginning of the run. */
  readonly at: number
  readonly chat: string
  readonly device: string
  readonly happened: Happened
}

/** A chat when all was quiet. */
export interface FinalChat {
  readonly chat: string
  /** The log, as a client that had nothing read it. */
  readonly log: readonly DurableEvent[]
  readonly stored: {
    readonly last_seq: number
    readonly state: string
    /** In the order of `seq`. */
    readonly events: readonly { readonly seq: number; readonly kind: string; readonly ref: string | null }[]
    readonly turns: readonly { readonly id: string; readonly state: string; readonly generation: number }[]
    readonly messages: readonly { readonly id: string; readonly seq: number }[]
    readonly questions: number
  }
  /** Devices that were there in the end: how far they came, and what their instance says of the session. */
  readonly devices: readonly {
    readonly device: string
    readonly cursor: number | null
    readonly said: { readonly state: string; readonly turns: number } | null
  }[]
}

export interface History {
  readonly entries: readonly Entry[]
  readonly chats: readonly FinalChat[]
  /** What was still going on when the time to become quiet was over. */
  readonly unrest: readonly string[]
}

export class Recorder {
  readonly entries: Entry[] = []
  readonly #began = performance.now()

  get now(): number {
    return Math.round(performance.now() - this.#began)
  }

  of(chat: string, device: string): (happened: Happened) => void {
    return (happened) => this.entries.push({ at: this.now, chat, device, happened })
  }
}
