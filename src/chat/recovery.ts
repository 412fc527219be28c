// What an instance was at when it died is brought to its end by another. Each keeps its own lease, looks for those whose lease is
// over, and lets go of turns that it has and does not run.
import { type Cancel, timestamp } from "../clock.ts"
import { type HeldRow, heldTurns } from "../store/instances.ts"
import type { TurnRow } from "../store/schema.ts"
import { takeOver, takeStranded } from "../store/take-over.ts"
import { letGo } from "../store/turns.ts"
import { draftOf, heldTurn } from "./held-turn.ts"
import { InstanceLease, type Lease, leaseFor, renewEvery } from "./instance-lease.ts"
import type { LiveChat } from "./live-chat.ts"
import type { LiveChats } from "./live-chats.ts"
import { routeOf } from "./route-of.ts"
import type { HeldTurn, TurnDeps } from "./turn.ts"
import { endTurn, outcomeOfLost } from "./turn-end.ts"
import { untilStored } from "./until-stored.ts"

/** Turns that are looked at each time. */
const atOnce = 200

export interface RecoveryDeps extends TurnDeps {
  readonly chats: LiveChats
  readonly max_turn_attempts: number
  /** It runs here, or is about to. */
  holds(turn_id: string): boolean
  /** Runs a turn of ours, and after it those in line. */
  start(chat: LiveChat, turn: HeldTurn): void
  /** Runs the one that was taken in the commit that ended another, if any. */
  goOn(chat: LiveChat, taken: string | undefined): Promise<void>
  /** A drain waits for it. */
  expect<T>(work: Promise<T>): Promise<T>
}

export class Recovery {
  readonly #deps: RecoveryDeps
  readonly #lease: InstanceLease
  /** Taken from others, and about to run. */
  readonly #taken = new Set<string>()
  /** The last that was looked at of those that the store has as ours. */
  #looked: HeldRow | undefined
  #renewing: Cancel | null = null
  #takes = true

  constructor(deps: RecoveryDeps) {
    this.#deps = deps
    this.#lease = new InstanceLease(deps)
  }

  /** How a turn is written down that is about to run here. */
  lease(): Lease {
    return this.#lease.ofTurn()
  }

  /** At start-up on an embedded database every other instance is gone. */
  async start(): Promise<void> {
    await this.#lease.renew(() => [])
    await this.#takeOver(this.#deps.db.kind === "file")
    this.#renewing ??= this.#deps.clock.every(renewEvery, () => void this.#keepLease())
  }

  /** From now on the lease is kept, and nothing more is taken over. */
  drain(): void {
    this.#takes = false
  }

  stop(): void {
    this.#renewing?.()
    this.#renewing = null
  }

  async #keepLease(): Promise<void> {
    const { chats, log, expect } = this.#deps
    try {
      const { lost, steady } = await this.#lease.renew(() =>
        [...chats].flatMap(({ running }) => running?.turn_id ?? []),
      )
      if (lost.size > 0)
        for (const { running } of chats) if (running && lost.has(running.turn_id)) running.stop("deposed")
      await this.#letGoOfForgotten()
      // A drain waits for it: what is taken in this moment is put back.
      if (steady && this.#takes) await expect(this.#takeOver(false))
    } catch (error) {
      log.warn({ err: error }, "the lease of this instance could not be renewed yet")
    }
  }

  /**
   * The store has them as ours and nobody runs them: they were given up, or committed long after they were sent. Some at a
   * time, and then from the beginning: thousands may run, and none of them wait for this.
   */
  async #letGoOfForgotten(): Promise<void> {
    const { db, instance, clock, log, holds } = this.#deps
    const before = timestamp(clock.now() - leaseFor)
    const rows = await heldTurns(db, { instance, before, after: this.#looked, limit: atOnce })
    this.#looked = rows.length < atOnce ? undefined : rows.at(-1)
    for (const turn of rows) {
      if (holds(turn.id) || this.#taken.has(turn.id)) continue
      await letGo(db, turn)
      log.warn({ turn_id: turn.id }, "a turn that did not run was let go of")
    }
  }

  async #takeOver(all: boolean): Promise<void> {
    const { db, clock, instance, start } = this.#deps
    const request = { instance, now: clock.now(), all }
    const orphans = await takeOver(db, request)
    const gone = Promise.all(orphans.map((row) => this.#each(row, (chat) => this.#goOn(chat, row))))
    // Of a file only its last instance, which is gone, may have left any; and to look through all that wait takes its time.
    const stranded = db.kind === "file" && !all ? [] : await takeStranded(db, request)
    await Promise.all(stranded.map((row) => this.#each(row, async (chat) => start(chat, await heldTurn(db, row)))))
    await gone
  }

  /** One that cannot be taken over must not keep the service from starting, nor the others waiting. */
  async #each(row: TurnRow, act: (chat: LiveChat) => Promise<void>): Promise<void> {
    const { chats, log } = this.#deps
    this.#taken.add(row.id)
    try {
      await untilStored(this.#deps, log, "a turn of another instance", () => chats.with(row.session_id, act))
    } catch (error) {
      log.error({ err: error, turn_id: row.id, trace_id: row.trace_id }, "a turn could not be taken over")
    } finally {
      this.#taken.delete(row.id)
    }
  }

  /** What a dead instance was at: run on when the bot can do that, else ended with the text that was kept. */
  async #goOn(chat: LiveChat, row: TurnRow): Promise<void> {
    const { max_turn_attempts, db, log, start, goOn } = this.#deps
    const turn = await heldTurn(db, row)
    const route = await routeOf(this.#deps, chat.session, turn.question)
    const resumable = route?.handler.resumable && !row.stop_requested_at
    const exhausted = row.attempts > max_turn_attempts
    if (resumable && !exhausted) return start(chat, turn)
    const said = { ...draftOf(row), checkpoint: undefined, usage: null }
    const claimed = await endTurn(this.#deps, chat, turn, said, outcomeOfLost(row, resumable === true), log)
    await goOn(chat, claimed)
  }
}
