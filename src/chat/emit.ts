// Way 8: what happens in a chat becomes rows with a place, and then frames on the bus. In this order, always (promise 1).
import type { Bus } from "../bus/bus.ts"
import type { Clock } from "../clock.ts"
import { timestamp } from "../clock.ts"
import type { Message } from "../protocol/message.ts"
import type { ServerFrame } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { Append, NewMessage } from "../store/append.ts"
import type { Appended } from "../store/appended.ts"
import type { Checkpoint } from "../store/turns.ts"
import type { Writer } from "../store/writer.ts"
import { frameOf } from "./frames.ts"

/** What happens; the rest of the append is filled in here. */
export type Happening = Omit<Append, "session_id" | "create_time" | "messages" | "guard"> &
  Partial<Pick<Append, "messages" | "guard" | "create_time">>

/** The message as it was stored. */
export function placed(message: NewMessage, seq: number, appended: Appended): Message {
  const { follows, reply_to } = message
  // Undefined, and so in no JSON: to copy all but one field takes ten times as long (Bun 1.4).
  const stored: Message & { follows: undefined } = {
    ...message,
    follows: undefined,
    seq,
    reply_to: follows === undefined ? reply_to : (appended.reply_to ?? null),
  }
  return stored
}

type Key = Pick<Session, "id" | "chat_id">

export class Emitter {
  readonly #writer: Writer
  readonly #bus: Bus
  readonly #clock: Clock

  constructor(writer: Writer, bus: Bus, clock: Clock) {
    this.#writer = writer
    this.#bus = bus
    this.#clock = clock
  }

  /** Stores, then publishes. No `seqs` in the answer: a guard did not hold, and nothing happened. */
  append(session: Key, happening: Happening): Promise<Appended> {
    return this.appendPlanned(session, () => happening, { informed: false })
  }

  /** As `append`; `plan` is called just before. `informed`: when all that happened in the chat here before is known. */
  appendPlanned(session: Key, plan: () => Happening, how = { informed: true }): Promise<Appended> {
    const create_time = timestamp(this.#clock.now())
    const whole = () => ({ messages: [], guard: {}, create_time, ...plan(), session_id: session.id })
    return this.appendWhole(session, whole, how)
  }

  /** As `appendPlanned`, of a plan that fills in everything: to copy it takes as long as to make it. */
  async appendWhole(session: Key, plan: () => Append, how: { readonly informed: boolean }): Promise<Appended> {
    let append: Append | undefined
    const planned = () => {
      append = plan()
      return append
    }
    const appended = await this.#writer.appendPlanned(session.id, planned, how)
    if (append) this.#publish(session, append, appended)
    return appended
  }

  #publish(session: Key, append: Append, appended: Appended): void {
    const { trace_id, create_time, session_id, messages, events } = append
    appended.seqs.forEach((seq, place) => {
      const event = events[place]
      if (!event) return
      const { kind, ref } = event
      const body = messages.find(({ id }) => id === ref)
      const data = kind === "status" ? told(event.data, appended) : event.data
      const logged = {
        event: { kind, ref, data, seq, session_id, trace_id, create_time },
        message: body ? placed(body, seq, appended) : null,
      }
      this.#bus.publish(session.id, frameOf(session.chat_id, logged))
    })
  }

  /** Publishes what is of the moment (P4.2). */
  publish(session_id: string, frame: ServerFrame): void {
    this.#bus.publish(session_id, frame)
  }

  checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    return this.#writer.checkpoint(checkpoint)
  }
}

/** What the commit alone could find out is part of the event, in the store as here. */
function told(data: unknown, { counters }: Appended): unknown {
  return counters && typeof data === "object" ? { ...data, counters } : data
}
