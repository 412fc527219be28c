// The turns of this instance: starts them, goes on with the next in line, stops them, drains.
import { delay } from "../clock.ts"
import type { OpenTurn } from "../protocol/turn.ts"
import { turnById } from "../store/turns.ts"
import type { CommandEffect } from "./commands.ts"
import { heldTurn } from "./held-turn.ts"
import type { Lease } from "./instance-lease.ts"
import type { LiveChat } from "./live-chat.ts"
import type { LiveChats } from "./live-chats.ts"
import type { ManagerDeps } from "./manager-deps.ts"
import { unasked } from "./policy.ts"
import { Recovery } from "./recovery.ts"
import { Titles } from "./titles.ts"
import { type HeldTurn, runTurn, type TurnDeps } from "./turn.ts"
import { limitsOf } from "./turn-limits.ts"
import { untilStored } from "./until-stored.ts"

/** How long a shutdown waits for the store, in milliseconds. */
const storeWithin = 5_000
/** How long the store is asked what came of a question, in milliseconds. */
const lookFor = 15_000

export interface TurnRunnerDeps extends ManagerDeps {
  readonly emitter: TurnDeps["emitter"]
  readonly chats: LiveChats
}

export class TurnRunner {
  readonly #deps: TurnRunnerDeps
  readonly #turnDeps: TurnDeps
  readonly #titles: Titles
  readonly #recovery: Recovery
  /** One promise for each chat that works here. */
  readonly #working = new Set<Promise<unknown>>()
  /** Turns that were called up and are about to run. */
  readonly #called = new Set<string>()
  /** Turns that run here, and under which generation: one that is found in two ways runs once. */
  readonly #held = new Map<string, number>()
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
    this.#recovery = new Recovery({
      ...this.#turnDeps,
      chats: deps.chats,
      max_turn_attempts: config.chat.max_turn_attempts,
      holds: (turn_id) => this.#held.has(turn_id) || this.#called.has(turn_id),
      start: (chat, turn) => this.start(chat, turn),
      goOn: async (chat, taken) => {
        const next = await this.#next(chat, taken)
        if (next) this.start(chat, next)
      },
      expect: (work) => this.expect(work),
    })
  }

  lease(): Lease {
    return this.#recovery.lease()
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
   * one who asked will learn when asking again (P3.3). One that is committed after this has looked is found by its instance's
   * comparison (recovery.ts).
   */
  adopt(chat: LiveChat, turn_id: string): void {
    const { chats, log, clock } = this.#deps
    chats.hold(chat)
    const tooLate = new AbortController()
    const cancel = clock.after(lookFor, () => tooLate.abort())
    const work = this.#callUp(turn_id, async () => {
      const turn = await this.#ours(chat, turn_id, AbortSignal.any([tooLate.signal, this.#closing.signal]))
      if (!turn) return
      await chat.fill()
      this.start(chat, turn)
    })
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

  /** Takes over turns whose instance is gone, now and as long as this one stays. */
  recover(): Promise<void> {
    return this.#recovery.start()
  }

  async drain(timeout_ms: number): Promise<void> {
    this.#draining = true
    this.#recovery.drain()
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
    this.#recovery.stop()
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
    } catch (error) {
      this.#recovery.broke(id)
      throw error
    } finally {
      if (this.#held.get(id) === generation) this.#held.delete(id)
    }
  }

  /** A turn that was taken, if any, as the store has it; undefined when it is not ours to run. */
  async #next(chat: LiveChat, turn_id: string | undefined): Promise<HeldTurn | undefined> {
    if (turn_id === undefined) return undefined
    return this.#callUp(turn_id, () => this.#ours(chat, turn_id, this.#closing.signal))
  }

  /** Until it runs, or is known not to be ours, it is no stray. */
  async #callUp<T>(turn_id: string, work: () => Promise<T>): Promise<T> {
    this.#called.add(turn_id)
    try {
      return await work()
    } finally {
      this.#called.delete(turn_id)
    }
  }

  #ours(chat: LiveChat, turn_id: string, closing: AbortSignal): Promise<HeldTurn | undefined> {
    const { db, log, instance, clock } = this.#deps
    return untilStored({ clock, closing }, log, `the next turn of ${chat.session.chat_id}`, async () => {
      const row = await turnById(db, turn_id)
      return row?.state === "running" && row.instance === instance ? heldTurn(db, row) : undefined
    })
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
}
