// The turns of this instance: starts them, goes on with the next in line, keeps their leases, takes over from the dead.
import { type Cancel, delay, timestamp } from "../clock.ts"
import { isLanguage } from "../language/language.ts"
import type { OpenTurn } from "../protocol/turn.ts"
import { messageByKey } from "../store/events.ts"
import type { TurnRow } from "../store/schema.ts"
import { renewLeases, type TakeOver, takeOver, takeStranded, turnById } from "../store/turns.ts"
import type { CommandEffect } from "./commands.ts"
import type { LiveChat } from "./live-chat.ts"
import type { LiveChats } from "./live-chats.ts"
import type { ManagerDeps } from "./manager.ts"
import { type HeldTurn, type Lease, runTurn, type TurnDeps } from "./turn.ts"
import { endTurn } from "./turn-end.ts"

const leaseFor = 15_000
const renewEvery = 5_000
/** How long a shutdown waits for the store, in milliseconds. */
const storeWithin = 5_000

export interface TurnRunnerDeps extends ManagerDeps {
  readonly emitter: TurnDeps["emitter"]
  readonly chats: LiveChats
}

export class TurnRunner {
  readonly #deps: TurnRunnerDeps
  readonly #turnDeps: TurnDeps
  /** One promise for each chat that works here. */
  readonly #working = new Set<Promise<unknown>>()
  /** Turns that were taken and are about to run. */
  readonly #taken = new Set<string>()
  #renewing: Cancel | null = null
  #draining = false
  /** The time for running turns is over. */
  #over = false

  constructor(deps: TurnRunnerDeps) {
    this.#deps = deps
    const { db, emitter, registry, clock, log, config } = deps
    this.#turnDeps = {
      ...{ db, emitter, registry, clock, log },
      max_exchanges: Math.floor(config.chat.max_history_messages / 2),
      max_answer_length: config.chat.max_answer_length,
      claim: () => (this.#draining ? undefined : this.lease()),
    }
  }

  lease(): Lease {
    return { instance: this.#deps.instance, lease_expires_at: this.#deps.clock.now() + leaseFor }
  }

  /** Runs a turn that this instance holds, and after it those in line. */
  start(chat: LiveChat, turn: HeldTurn): void {
    const release = this.#deps.chats.hold(chat)
    const work = this.#work(chat, turn)
      .catch((error: unknown) =>
        this.#deps.log.error({ err: error, turn_id: turn.id, chat_id: chat.session.chat_id }, "a turn was given up"),
      )
      .finally(release)
    void this.expect(work)
  }

  /** Something that may yet start a turn: a drain waits for it. */
  expect<T>(work: Promise<T>): Promise<T> {
    const settled = Promise.allSettled([work]).then(() => void this.#working.delete(settled))
    this.#working.add(settled)
    return work
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
    const done = async () => {
      while (this.#working.size > 0) await Promise.all(this.#working)
    }
    if (timeout_ms > 0) await Promise.race([done(), delay(this.#deps.clock, timeout_ms)])
    this.#over = true
    for (const chat of this.#deps.chats) chat.running?.stop("drained")
    // Their ends are stored in a moment. Without the store they are not, and whoever takes over ends them.
    await Promise.race([done(), delay(this.#deps.clock, storeWithin)])
    this.#renewing?.()
    this.#renewing = null
  }

  async #work(chat: LiveChat, first: HeldTurn): Promise<void> {
    let turn: HeldTurn | undefined = first
    while (turn) {
      const ended = runTurn(this.#turnDeps, chat, turn)
      if (this.#over) chat.running?.stop("drained")
      const claimed: string | undefined = await ended
      turn = claimed === undefined ? undefined : await this.#next(claimed)
    }
  }

  async #next(claimed: string): Promise<HeldTurn | undefined> {
    this.#taken.add(claimed)
    try {
      const row = await turnById(this.#deps.db, claimed)
      return row && (await this.#held(row))
    } finally {
      this.#taken.delete(claimed)
    }
  }

  async #held(row: TurnRow): Promise<HeldTurn> {
    const question = await messageByKey(this.#deps.db, row.message_id)
    if (!question) throw new Error(`the turn ${row.id} has no question`)
    const { id, answer_id, seq, generation, trace_id } = row
    const language = isLanguage(row.language) ? row.language : "en"
    return { id, answer_id, seq, generation, trace_id, language, question }
  }

  async #removeFromLine(
    chat: LiveChat,
    { turn_id }: OpenTurn,
    wish: Omit<CommandEffect, "reply">,
    trace_id: string,
  ): Promise<number | undefined> {
    const over = {
      turn_id,
      state: "interrupted" as const,
      reason: "stopped",
      message_id: null,
      error: null,
      question: null,
    }
    const { seqs } = await this.#deps.emitter.append(chat.session, {
      trace_id,
      guard: { queued: turn_id },
      events: [...wish.events, { kind: "end", ref: turn_id, data: over }],
      end_turn: { id: turn_id, state: "interrupted", error: null },
    })
    return seqs[0]
  }

  async #keepLeases(): Promise<void> {
    const { db, instance, clock, chats, log } = this.#deps
    try {
      // Those that ran before the renewal: one that starts meanwhile is not in its answer and is ours all the same.
      const ran = [...chats].flatMap(({ running }) => running ?? [])
      const held = new Set(
        await renewLeases(db, instance, [...ran.map(({ turn_id }) => turn_id), ...this.#taken], clock.now() + leaseFor),
      )
      for (const running of ran) if (!held.has(running.turn_id)) running.stop("deposed")
      if (!this.#draining) await this.#takeOver(false)
    } catch (error) {
      log.warn({ err: error }, "the leases could not be renewed yet")
    }
  }

  async #takeOver(all: boolean): Promise<void> {
    const { db, clock, instance } = this.#deps
    const now = clock.now()
    const request: TakeOver = { instance, now, expires_at: now + leaseFor, all }
    const orphans = await takeOver(db, request)
    const stranded = await takeStranded(db, request, timestamp(all ? now + leaseFor : now - leaseFor))
    for (const row of orphans) await this.#each(row, (chat) => this.#endOrphan(chat, row))
    for (const row of stranded) await this.#each(row, async (chat) => this.start(chat, await this.#held(row)))
  }

  /** One that cannot be taken over must not keep the service from starting, nor the others waiting. */
  async #each(row: TurnRow, act: (chat: LiveChat) => Promise<void>): Promise<void> {
    try {
      await this.#deps.chats.with(row.session_id, act)
    } catch (error) {
      this.#deps.log.error({ err: error, turn_id: row.id, trace_id: row.trace_id }, "a turn could not be taken over")
    }
  }

  /** What a dead instance was saying ends as interrupted, with the text that was kept; those in line go on. */
  async #endOrphan(chat: LiveChat, row: TurnRow): Promise<void> {
    const turn = await this.#held(row)
    const { partial_text: text, partial_reasoning, stop_requested_at } = row
    const said = {
      ...{ text, checkpoint: undefined, usage: null },
      parts: partial_reasoning ? [{ type: "reasoning" as const, text: partial_reasoning }] : [],
    }
    const outcome = { state: "interrupted" as const, reason: stop_requested_at ? "stopped" : "instance_lost" }
    const next = await endTurn(this.#turnDeps, chat, turn, said, outcome, this.#deps.log)
    const claimed = next === undefined ? undefined : await turnById(this.#deps.db, next)
    if (claimed) this.start(chat, await this.#held(claimed))
  }
}
