// What was said and is not answered yet. It is sent again, with the same id, until it is (P3.2, P3.3).
import type { ErrorBody } from "../protocol/error.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { Cancel, ClientClock } from "./clock.ts"
import { ClientError } from "./error.ts"
import { type Ack, conflict, faultOf, isChanging, lostOnTheWay, type Outgoing } from "./outgoing.ts"

interface Entry extends Outgoing {
  readonly content: string
  readonly answer: Promise<Ack | Status>
  /** Null when it has yet to be sent, for the first time or again. */
  sent_at: number | null
  /** Times sent on this socket. */
  tries: number
  /** Takes it out and answers it. */
  settle(answer: Ack | Status | { readonly refusal: unknown }): void
}

export interface OutboxDeps {
  readonly clock: ClientClock
  /** False when there is no open socket. */
  send(frame: object): boolean
}

/** Messages that may be on their way at the same time. */
const WINDOW = 16
const ACK_MS = 5000
const ACK_MOST_MS = 30_000
/** When the service asks for a pause without saying how long. */
const PAUSE_MS = 1000
const PAUSE_MOST_MS = 10_000
/** Refusals that are about the moment or the connection, not about the frame: the client tries again by itself. */
const passing = new Set([
  "rate_limited",
  "too_fast",
  "store_unavailable",
  "draining",
  "too_many_sessions",
  "token_expired",
  "out_of_order",
])

export class Outbox {
  readonly #deps: OutboxDeps
  /** Messages, in the order in which they were said. */
  readonly #line = new Map<string, Entry>()
  /** Stops and questions: they do not wait behind messages. */
  readonly #urgent = new Map<string, Entry>()
  /** Sent more than once on this socket: more answers than the first may come. */
  readonly #repeated = new Set<string>()
  #open = false
  /** How many messages may be on their way now. */
  #width = WINDOW
  /** In a row, without an ack in between: each is longer than what the service asked for by more. */
  #pauses = 0
  #cancelTimer: Cancel = () => {}
  #cancelPause: Cancel | null = null
  #closed: ClientError | null = null

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  /** Messages that have not been answered, oldest first. */
  get line(): readonly Outgoing[] {
    return [...this.#line.values()]
  }

  /** Resolves with the answer, `Status` for a `status`; rejects with ClientError or the signal's reason. */
  add(outgoing: Outgoing & { readonly type: "status" }): Promise<Status>
  add(outgoing: Outgoing & { readonly type: "message" | "end" | "interrupt" }): Promise<Ack>
  add(outgoing: Outgoing): Promise<Ack | Status> {
    const { id, type, data, signal } = outgoing
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closed) return Promise.reject(this.#closed)
    const content = JSON.stringify([type, data])
    const fault = faultOf(id, content)
    if (fault) return Promise.reject(fault)
    const same = this.#find(id)
    if (same) return same.content === content ? same.answer : Promise.reject(conflict(id))
    const entries = type === "message" || type === "end" ? this.#line : this.#urgent
    let settle: Entry["settle"] = () => {}
    const answer = new Promise<Ack | Status>((resolve, reject) => {
      const aborted = () => settle({ refusal: signal?.reason })
      signal?.addEventListener("abort", aborted, { once: true })
      settle = (result) => {
        signal?.removeEventListener("abort", aborted)
        entries.delete(id)
        if ("refusal" in result) reject(result.refusal)
        else resolve(result)
        this.#flush()
      }
    })
    entries.set(id, { ...outgoing, content, answer, sent_at: null, tries: 0, settle })
    this.#flush()
    return answer
  }

  /** A new socket: everything goes out again. */
  opened(): void {
    this.#open = true
    this.#width = WINDOW
    this.#pauses = 0
    this.#flush()
  }

  lost(): void {
    this.#open = false
    this.#repeated.clear()
    this.#cancelTimer()
    this.#cancelPause?.()
    this.#cancelPause = null
    for (const entry of this.#all()) {
      if (entry.sent_at === null) continue
      entry.sent_at = null
      entry.tries = 0
      if (!entry.repeatable) entry.settle({ refusal: lostOnTheWay(entry.id) })
    }
  }

  acked(ack: Ack): void {
    const entry = this.#find(ack.id)
    if (!entry || entry.type === "status") return
    this.#width = Math.min(WINDOW, this.#width + 1 / this.#width)
    this.#pauses = 0
    entry.settle(ack)
  }

  /** True when this status is one that somebody asked for here (P6.8), found by its trace. */
  told(trace_id: string, status: Status): boolean {
    const entry = this.#find(trace_id)
    if (entry?.type !== "status") return false
    entry.settle(status)
    return true
  }

  /** What the refusal means: `rejected` for good, `later` by itself, or null when it was of nothing in here. */
  refused(body: ErrorBody): "rejected" | "later" | null {
    const { id = "" } = body
    const entry = this.#find(id)
    if (!entry) return this.#repeated.has(id) ? "rejected" : null
    if (passing.has(body.code)) {
      this.#pause(entry, body.retry_after_ms ?? PAUSE_MS)
      return "later"
    }
    entry.settle({ refusal: ClientError.from(body) })
    return "rejected"
  }

  /** Rejects all, now and from now on. */
  close(error: ClientError): void {
    this.#closed = error
    this.lost()
    for (const entry of this.#all()) entry.settle({ refusal: error })
  }

  #find(id: string): Entry | undefined {
    return this.#line.get(id) ?? this.#urgent.get(id)
  }

  #all(): Entry[] {
    return [...this.#urgent.values(), ...this.#line.values()]
  }

  /** What may be on its way now. */
  #window(): Entry[] {
    const entries = [...this.#urgent.values()]
    const most = entries.length + Math.floor(this.#width)
    for (const entry of this.#line.values()) if (entries.push(entry) === most) break
    return entries
  }

  /** Afterwards one at a time, then more and more: what is sent at once after a refusal is refused in disorder again. */
  #pause(entry: Entry, ms: number): void {
    entry.sent_at = null
    this.#width = 1
    this.#cancelPause?.()
    const more = this.#pauses === 0 ? 0 : Math.min(PAUSE_MOST_MS, 50 * 2 ** this.#pauses)
    this.#cancelPause = this.#deps.clock.after(ms + more, () => {
      this.#cancelPause = null
      this.#pauses += 1
      this.#flush()
    })
  }

  #flush(): void {
    if (!this.#open) return
    const { clock, send } = this.#deps
    const window = this.#window()
    for (const entry of this.#cancelPause ? [] : window) {
      const { type, id } = entry
      if (entry.sent_at !== null || !send({ type, data: this.#inOrder(entry), id, trace_id: id })) continue
      entry.sent_at = clock.now()
      entry.tries += 1
      if (entry.tries > 1) this.#repeated.add(id)
    }
    this.#cancelTimer()
    const due = Math.min(...window.map(dueAt))
    if (due !== Number.POSITIVE_INFINITY)
      this.#cancelTimer = clock.after(Math.max(0, due - clock.now()), () => this.#repeat())
  }

  /** Names the messages before it that are not acked: should one of them be refused for the moment, this one may not pass it. */
  #inOrder({ type, data, id }: Entry): object {
    if (type !== "message" || isChanging(data)) return data
    const after: string[] = []
    for (const entry of this.#line.values()) {
      if (entry.id === id) break
      if (entry.type === "message" && !isChanging(entry.data)) after.push(entry.id)
    }
    return after.length > 0 ? { ...data, after } : data
  }

  /** Sends again what should have been answered by now. */
  #repeat(): void {
    const now = this.#deps.clock.now()
    for (const entry of this.#window()) if (dueAt(entry) <= now) entry.sent_at = null
    this.#flush()
  }
}

/** When the answer should be here; never for what is not on its way or cannot be repeated. */
function dueAt({ sent_at, tries, repeatable }: Entry): number {
  if (sent_at === null || !repeatable) return Number.POSITIVE_INFINITY
  return sent_at + Math.min(ACK_MOST_MS, ACK_MS * 2 ** (tries - 1))
}
