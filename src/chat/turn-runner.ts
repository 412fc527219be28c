// The turns of this instance: starts them, goes on with the next in line, keeps their leases, takes over from the dead.
import { type Cancel, delay } from "../clock.ts"
import type { OpenTurn } from "../protocol/turn.ts"
import type { TurnRow } from "../store/schema.ts"
import { type TakeOver, takeOver, takeStranded, turnById } from "../store/turns.ts"
import type { CommandEffect } from "./commands.ts"
import { draftOf, heldTurn } from "./held-turn.ts"
import { keepLeases, leaseFor, renewEvery } from "./leases.ts"
import type { LiveChat } from "./live-chat.ts"
import type { LiveChats } from "./live-chats.ts"
import type { ManagerDeps } from "./manager-deps.ts"
import { unasked } from "./policy.ts"
import { routeOf } from "./route-of.ts"
import { Titles } from "./titles.ts"
import { type HeldTurn, type Lease, runTurn, type TurnDeps } from "./turn.ts"
import { endTurn, outcomeOfLost } from "./turn-end.ts"
import { limitsOf } from "./turn-limits.ts"
import { untilStored } from "./until-stored.ts"

/** How long a shutdown waits for the store, in milliseconds. */
const storeWithin = 5_000

export interface TurnRunnerDeps extends ManagerDeps {
  readonly emitter: TurnDeps["emitter"]
  readonly chats: LiveChats
}

export class TurnRunner {
  readonly #deps: TurnRunnerDeps
  readonly #turnDeps: TurnDeps
  readonly #titles: Titles
  /** One promise for each chat that works here. */
  readonly #working = new Set<Promise<unknown>>()
  /** Turns that were taken and are about to run. */
  readonly #taken = new Set<string>()
  /** Turns that run here, and under which generation: one that is found in two ways runs once. */
  readonly #held = new Map<string, number>()
  #renewing: Cancel | null = null
  #draining = false
  /** The time for running turns is over. */
  #over = false
  readonly #closing = new AbortController()

  constructor(deps: TurnRunnerDeps) {
    this.#deps = deps
    this.#titles = new Titles(deps)
    const { db, emitter, registry, filesOf, graphsOf, clock, log, config, instance } = deps
    this.#turnDeps = {
      ...{ db, emitter, registry, filesOf, graphsOf, clock, log, instance, closing: this.#closing.signal },
      max_exchanges: Math.floor(config.chat.max_history_messages / 2),
      ...limitsOf(config.chat),
      completed: (chat, { trace_id }) => this.#titles.answered(chat, trace_id),
      claim: () => (this.#draining ? undefined : this.lease()),
    }
  }

  lease(): Lease {
    return { instance: this.#deps.instance, lease_expires_at: this.#deps.clock.now() + leaseFor }
  }

  /** Runs a turn that this instance holds, and after it those in line. */
  start(chat: LiveChat, turn: HeldTurn): void {
    void this.expect(this.#work(chat, turn))
  }

  /** Something that may yet start a turn: a drain waits for it. */
  expect<T>(work: Promise<T>): Promise<T> {
    const over = () => void this.#working.delete(settled)
    const settled: Promise<void> = work.then(over, over)
    this.#working.add(settled)
    return work
  }

  /**
   * The store was asked to keep a new turn of this instance and did not answer: if it is there after all, it is run, as the
   * one who asked will learn when asking again (P3.3). Looked for as long as its lease would last; then it is taken over.
   */
  adopt(chat: LiveChat, turn_id: string): void {
    const { chats, log, clock } = this.#deps
    chats.hold(chat)
    const tooLate = new AbortController()
    const cancel = clock.after(leaseFor, () => tooLate.abort())
    const work = this.#next(chat, turn_id, tooLate.signal)
      .then((turn) => turn && chat.fill().then(() => this.start(chat, turn)))
      .catch((error: unknown) => log.warn({ err: error, turn_id }, "it is not known what came of a question"))
      .finally(() => {
        cancel()
        chats.letGo(chat)
      })
    void this.expect(work)
  }

  /** Keeps the wish to stop a turn. Resolves with its place, or null when somebody had it before or it is over. */
  async stop(
    chat: LiveChat,
    turn: OpenTurn,
    wish: Omit<CommandEffect, "reply">,
    trace_id: string,
  ): Promise<number | null> {
    const removed = turn.state === "queued" ? await this.#removeFromLine(chat, turn, wish, trace_id) : undefined
    if (removed !== undefined) return removed
    const { seqs } = await this.#deps.emitter.append(chat.session, {
      trace_id,
      guard: wish.guard,
      events: wish.events,
      ...wish.change,
    })
    return seqs[0] ?? null
  }

  /** Takes over turns whose instance is gone. At start-up on an embedded database every other instance is. */
  async recover(): Promise<void> {
    await this.#takeOver(this.#deps.db.kind === "file")
    this.#renewing ??= this.#deps.clock.every(renewEvery, () => void this.#keepLeases())
  }

  async drain(timeout_ms: number): Promise<void> {
    this.#draining = true
    this.#titles.close()
    const done = async () => {
      while (this.#working.size > 0) await Promise.all(this.#working)
    }
    const within = async (ms: number) => {
      const settled = new AbortController()
      await Promise.race([done(), delay(this.#deps.clock, ms, settled.signal)])
      settled.abort()
    }
    if (timeout_ms > 0) await within(timeout_ms)
    this.#over = true
    for (const chat of this.#deps.chats) chat.running?.stop("drained")
    // Their ends are stored in a moment. Without the store they are not, and whoever takes over ends them.
    await within(storeWithin)
    this.#closing.abort()
    this.#renewing?.()
    this.#renewing = null
  }

  async #work(chat: LiveChat, first: HeldTurn): Promise<void> {
    const { chats, log } = this.#deps
    let turn: HeldTurn | undefined = first
    chats.hold(chat)
    try {
      while (turn) turn = await this.#next(chat, await this.#run(chat, turn))
    } catch (error) {
      log.error({ err: error, turn_id: first.id, chat_id: chat.session.chat_id }, "a turn was given up")
    } finally {
      chats.letGo(chat)
    }
  }

  /** Returns the id of the turn that was taken next, if any. */
  async #run(chat: LiveChat, turn: HeldTurn): Promise<string | undefined> {
    const { id, generation } = turn
    if ((this.#held.get(id) ?? 0) >= generation) return undefined
    this.#held.set(id, generation)
    try {
      const ended = runTurn(this.#turnDeps, chat, turn)
      if (this.#over) chat.running?.stop("drained")
      return await ended
    } finally {
      if (this.#held.get(id) === generation) this.#held.delete(id)
    }
  }

  /** A turn that was taken, if any, as the store has it; undefined when it is not ours to run. */
  async #next(chat: LiveChat, turn_id: string | undefined, tooLate?: AbortSignal): Promise<HeldTurn | undefined> {
    if (turn_id === undefined) return undefined
    const { db, log, instance, clock } = this.#deps
    const closing = tooLate ? AbortSignal.any([tooLate, this.#closing.signal]) : this.#closing.signal
    this.#taken.add(turn_id)
    try {
      const what = `the next turn of ${chat.session.chat_id}`
      return await untilStored({ clock, closing }, log, what, async () => {
        const row = await turnById(db, turn_id)
        return row?.state === "running" && row.instance === instance ? heldTurn(db, row) : undefined
      })
    } finally {
      this.#taken.delete(turn_id)
    }
  }

  async #removeFromLine(
    chat: LiveChat,
    { turn_id }: OpenTurn,
    wish: Omit<CommandEffect, "reply">,
    trace_id: string,
  ): Promise<number | undefined> {
    const { seqs } = await this.#deps.emitter.append(chat.session, {
      trace_id,
      guard: { queued: turn_id },
      events: [...wish.events, { kind: "end", ref: turn_id, data: unasked(turn_id, "stopped") }],
      end_turn: { id: turn_id, state: "interrupted", error: null },
    })
    return seqs[0]
  }

  async #keepLeases(): Promise<void> {
    const { db, instance, clock, chats, log } = this.#deps
    const deps = { db, instance, clock, hurry: this.#closing.signal }
    try {
      // Those that ran before the renewal: one that starts meanwhile is not in its answer and is ours all the same.
      const ran = [...chats].flatMap(({ running }) => running ?? [])
      const held = await keepLeases(deps, [...ran.map(({ turn_id }) => turn_id), ...this.#taken])
      for (const running of ran) if (!held.has(running.turn_id)) running.stop("deposed")
      // A drain waits for it: what is taken in this moment is put back.
      if (!this.#draining) await this.expect(this.#takeOver(false))
    } catch (error) {
      log.warn({ err: error }, "the leases could not be renewed yet")
    }
  }

  async #takeOver(all: boolean): Promise<void> {
    const { db, clock, instance } = this.#deps
    const now = clock.now()
    const request: TakeOver = { instance, now, expires_at: now + leaseFor, all }
    const orphans = await takeOver(db, request)
    const gone = Promise.all(orphans.map((row) => this.#each(row, (chat) => this.#goOn(chat, row))))
    // Of a file only its last instance, which is gone, may have left any; and to look through all that wait takes its time.
    const stranded = db.kind === "file" && !all ? [] : await takeStranded(db, request)
    await Promise.all(stranded.map((row) => this.#each(row, async (chat) => this.start(chat, await heldTurn(db, row)))))
    await gone
  }

  /** One that cannot be taken over must not keep the service from starting, nor the others waiting. */
  async #each(row: TurnRow, act: (chat: LiveChat) => Promise<void>): Promise<void> {
    const { chats, log } = this.#deps
    this.#taken.add(row.id)
    try {
      await untilStored(this.#turnDeps, log, "a turn of another instance", () => chats.with(row.session_id, act))
    } catch (error) {
      log.error({ err: error, turn_id: row.id, trace_id: row.trace_id }, "a turn could not be taken over")
    } finally {
      this.#taken.delete(row.id)
    }
  }

  /** What a dead instance was at: run on when the bot can do that, else ended with the text that was kept. */
  async #goOn(chat: LiveChat, row: TurnRow): Promise<void> {
    const { config, db, log } = this.#deps
    const turn = await heldTurn(db, row)
    const route = await routeOf(this.#deps, chat.session, turn.question)
    const resumable = route?.handler.resumable && !row.stop_requested_at
    const exhausted = row.attempts > config.chat.max_turn_attempts
    if (resumable && !exhausted) return this.start(chat, turn)
    const said = { ...draftOf(row), checkpoint: undefined, usage: null }
    const claimed = await endTurn(this.#turnDeps, chat, turn, said, outcomeOfLost(row, resumable === true), log)
    const next = await this.#next(chat, claimed)
    if (next) this.start(chat, next)
  }
}
