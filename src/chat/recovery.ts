// What an instance was at when it died is brought to its end by another. Each keeps its own lease, looks for those whose lease is
// over, and compares what it runs with what the store says that it runs.
import type { Cancel } from "../clock.ts"
import { turnsOf } from "../store/instances.ts"
import type { TurnRow } from "../store/schema.ts"
import { type TakeOver, takeOver, takeStranded } from "../store/take-over.ts"
import { type Held, releaseTurns, turnById } from "../store/turns.ts"
import { draftOf, heldTurn } from "./held-turn.ts"
import { InstanceLease, type Lease, renewEvery } from "./instance-lease.ts"
import type { LiveChat } from "./live-chat.ts"
import type { LiveChats } from "./live-chats.ts"
import { routeOf } from "./route-of.ts"
import { Strays } from "./strays.ts"
import type { HeldTurn, TurnDeps } from "./turn.ts"
import { endTurn, outcomeOfLost } from "./turn-end.ts"
import { untilStored } from "./until-stored.ts"

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
  readonly #strays = new Strays()
  /** Of ours, whose run broke. */
  readonly #broken = new Set<string>()
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

  /** At start-up on an embedded database every other instance is gone. On a server those who are leave their leases behind. */
  async start(): Promise<void> {
    await this.#lease.renew()
    this.#renewing = this.#deps.clock.every(renewEvery, () => void this.#keep())
    await Promise.all(await this.#take(this.#deps.db.kind === "file" ? "others" : "nobody"))
  }

  /** The turn has not ended, and is not to be begun again under the same generation. */
  broke(turn_id: string): void {
    this.#broken.add(turn_id)
  }

  /** From now on the lease is kept, and nothing more is taken over. */
  drain(): void {
    this.#takes = false
  }

  stop(): void {
    this.#renewing?.()
    this.#renewing = null
  }

  async #keep(): Promise<void> {
    const { log, expect } = this.#deps
    try {
      await this.#lease.renew()
      const from = this.#lease.steady ? "gone" : "nobody"
      // Before it is compared: what was taken is known by then. A drain waits for it: what is taken in this moment is put back.
      const taking = this.#takes ? expect(this.#take(from)) : undefined
      await taking?.catch((error: unknown) => log.warn({ err: error }, "nothing could be taken over yet"))
      await this.#compare()
    } catch (error) {
      log.warn({ err: error }, "the lease of this instance, or what it runs, could not be looked after")
    }
  }

  /** Stops what others run now, and looks after what nobody runs: it broke, or was committed long after it was sent. */
  async #compare(): Promise<void> {
    const { db, instance, chats, clock, holds } = this.#deps
    // Before the store is asked: what begins meanwhile is not in its answer and is ours all the same.
    const ran = [...chats].flatMap(({ running }) => running ?? [])
    const ours = await turnsOf(db, instance)
    for (const running of ran) if (ours.get(running.turn_id) !== running.generation) running.stop("deposed")
    for (const id of this.#broken) if (!ours.has(id)) this.#broken.delete(id)
    const unheld = ours.keys().filter((id) => !holds(id) && !this.#taken.has(id))
    const strays = this.#strays.forLong(unheld, clock.now())
    await this.#bringOn(strays.map((id) => ({ id, generation: ours.get(id) ?? 0 })))
  }

  async #bringOn(strays: readonly Held[]): Promise<void> {
    const { db, log, goOn } = this.#deps
    for (const { id } of strays) log.warn({ turn_id: id }, "nobody runs this turn; it is looked after now")
    // In the first generation and not broken: nobody has begun it yet.
    const isNew = ({ id, generation }: Held) => generation === 1 && !this.#broken.has(id)
    for (const { id } of strays.filter(isNew)) {
      const row = await turnById(db, id)
      if (row) void this.#each(row, (chat) => goOn(chat, id))
    }
    const others = strays.filter((stray) => !isNew(stray))
    if (others.length > 0) await releaseTurns(db, others)
  }

  /** Resolves when they are taken, with what becomes of each. */
  async #take(from: TakeOver["from"]): Promise<Promise<void>[]> {
    const { db, clock, instance, start } = this.#deps
    const request = { instance, now: clock.now(), from }
    const orphans = await takeOver(db, request)
    const works = orphans.map((row) => this.#each(row, (chat) => this.#goOn(chat, row)))
    // Of a file only its last instance, which is gone, may have left any; and to look through all that wait takes its time.
    const stranded = db.kind === "file" && from !== "others" ? [] : await takeStranded(db, request)
    return [...works, ...stranded.map((row) => this.#each(row, async (chat) => start(chat, await heldTurn(db, row))))]
  }

  /** One that cannot be taken over must not keep the service from starting, nor the others waiting. */
  #each(row: TurnRow, act: (chat: LiveChat) => Promise<void>): Promise<void> {
    const { chats, log, expect } = this.#deps
    this.#taken.add(row.id)
    const work = untilStored(this.#deps, log, "a turn of another instance", () => chats.with(row.session_id, act))
    return expect(
      work
        .catch((error: unknown) => {
          log.error({ err: error, turn_id: row.id, trace_id: row.trace_id }, "a turn could not be taken over")
        })
        .finally(() => this.#taken.delete(row.id)),
    )
  }

  /** What a dead instance was at: run on when the bot can do that, else ended with the text that was kept. */
  async #goOn(chat: LiveChat, row: TurnRow): Promise<void> {
    const { max_turn_attempts, db, log, start, goOn } = this.#deps
    const { running } = chat
    // It was taken from this very instance, and comes back to it.
    if (running?.turn_id === row.id && running.generation < row.generation) running.stop("deposed")
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
