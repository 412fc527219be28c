// Group commit: one batch in flight; what arrives meanwhile goes into the next. One disk flush or one round trip to the
// primary serves everybody who waits, and a chat's appends keep their order.
import type { Clock } from "../clock.ts"
import type { Append, NewMessage } from "./append.ts"
import { appendStatements } from "./append-statements.ts"
import { type Appended, appendedOf } from "./appended.ts"
import type { Database } from "./database.ts"
import { isStatementFault, storeError } from "./faults.ts"
import { type Checkpoint, checkpointStatement } from "./turns.ts"

interface Waiting<Work, Result> {
  readonly work: Work
  resolve(result: Result): void
  reject(error: unknown): void
}

interface WaitingAppend extends Waiting<() => Append, Appended> {
  /** It is made of what came of the appends before it, so none of them may be in its batch. */
  readonly informed: boolean
}

type PlannedAppend = Waiting<Append, Appended>
type WaitingCheckpoint = Waiting<Checkpoint, boolean>

/** What waits in one chat, in order. */
interface Line {
  readonly session_id: string
  readonly waiting: WaitingAppend[]
}

/** What a batch holds by now. */
interface Room {
  appends: number
  units: number
  full: boolean
}

const batchSize = 256
/** Appends of one chat in a batch. */
const maxRounds = 16
/** UTF-16 units of text in one batch. A libSQL server takes no value above 5,000,000 bytes (sqld 0.24), and a batch is one. */
const batchUnits = 1_000_000

export class Writer {
  readonly #db: Database
  readonly #clock: Clock
  /** By session, in the order in which they came. */
  readonly #appends = new Map<string, Line>()
  /** By turn: a newer checkpoint takes the place of one that has not left yet. */
  readonly #checkpoints = new Map<string, WaitingCheckpoint>()
  #busy = false

  constructor(db: Database, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** Resolves after the commit. Rejects with `store_unavailable` when it is not known to have happened. */
  append(append: Append): Promise<Appended> {
    return this.appendPlanned(append.session_id, () => append, { informed: false })
  }

  /**
   * As `append`; `plan` is called when it is this one's turn. `informed`: not before all is known that was appended to the
   * session until then.
   */
  appendPlanned(session_id: string, plan: () => Append, { informed } = { informed: true }): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const line = this.#appends.get(session_id) ?? { session_id, waiting: [] }
      line.waiting.push({ work: plan, informed, resolve, reject })
      this.#appends.set(session_id, line)
      this.#wake()
    })
  }

  /** Keeps what a turn streamed so far. False: the turn is no longer ours (or a newer checkpoint took its place). */
  checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const before = this.#checkpoints.get(checkpoint.turn_id)
      // Of an earlier run of the same turn: that one is over, and this one's may not be lost to it.
      if (before && before.work.generation > checkpoint.generation) return resolve(false)
      before?.resolve(true)
      this.#checkpoints.set(checkpoint.turn_id, { work: checkpoint, resolve, reject })
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#busy) return
    this.#busy = true
    // The end of this turn of the loop, so that everything that came in with it shares the commit.
    this.#clock.soon(() => void this.#work())
  }

  async #work(): Promise<void> {
    let last = nothing
    for (;;) {
      const rounds = this.#takeAppends(last.sessions)
      const checkpoints = this.#takeCheckpoints()
      if (rounds.length + checkpoints.length === 0) break
      const next = this.#perform(rounds, checkpoints)
      // While the next batch is under way, those of the one before hear what came of theirs: the database does not wait for us.
      last.settle()
      last = await next
    }
    last.settle()
    this.#busy = false
    if (this.#appends.size > 0 || this.#checkpoints.size > 0) this.#wake()
  }

  /**
   * The first of each chat, then the second of those that have one, and so on: a busy chat does not hold up the others. In the
   * chats of `untold` something was appended, and nobody knows yet.
   */
  #takeAppends(untold: ReadonlySet<string>): PlannedAppend[][] {
    const room: Room = { appends: 0, units: 0, full: false }
    const rounds: PlannedAppend[][] = []
    const takeRound = (lines: readonly Line[]) => {
      const round: PlannedAppend[] = []
      const went = lines.filter(({ waiting }) => takeNext(waiting, round, room))
      if (round.length > 0) rounds.push(round)
      return went
    }
    const first = takeRound(this.#linesThatMayGo(untold))
    let lines = first
    for (let round = 1; round < maxRounds && lines.length > 0; round++)
      lines = takeRound(lines.filter(({ waiting }) => !waiting[0]?.informed))
    // What is left of a line goes to the end, so that in the next batch others come first.
    for (const line of first) {
      this.#appends.delete(line.session_id)
      if (line.waiting.length > 0) this.#appends.set(line.session_id, line)
    }
    return rounds
  }

  #linesThatMayGo(untold: ReadonlySet<string>): Line[] {
    const lines: Line[] = []
    for (const line of this.#appends.values()) {
      if (lines.length === batchSize) break
      if (!line.waiting[0]?.informed || !untold.has(line.session_id)) lines.push(line)
    }
    return lines
  }

  #takeCheckpoints(): WaitingCheckpoint[] {
    const taken = fitting([...this.#checkpoints.values().take(batchSize)])
    for (const { work } of taken) this.#checkpoints.delete(work.turn_id)
    return taken
  }

  /** Resolves when the database has answered; whoever waits is told by `settle`. */
  async #perform(rounds: readonly PlannedAppend[][], checkpoints: readonly WaitingCheckpoint[]): Promise<Committed> {
    try {
      const settle = await this.#commit(rounds, checkpoints)
      return { settle, sessions: new Set(rounds.flat().map(({ work }) => work.session_id)) }
    } catch (error) {
      await this.#oneByOne(rounds.flat(), checkpoints, error)
      return nothing
    }
  }

  /** Each round has at most one append of a chat: its guards and numbers hold after what the rounds before left. */
  async #commit(
    planned: readonly PlannedAppend[][],
    checkpoints: readonly WaitingCheckpoint[],
  ): Promise<Committed["settle"]> {
    const rounds = planned.map((round) => ({ round, steps: appendStatements(round.map(({ work }) => work)) }))
    const statements = rounds.flatMap(({ steps }) => steps.map(({ statement }) => statement))
    if (checkpoints.length > 0) statements.push(checkpointStatement(checkpoints.map(({ work }) => work)))
    const results = await this.#db.client.batch(statements, "write")
    return () => {
      let first = 0
      for (const { round, steps } of rounds) {
        const rows = new Map(steps.map(({ step }, place) => [step, results[first + place]?.rows ?? []]))
        first += steps.length
        const appended = appendedOf(rows)
        for (const { work, resolve } of round) resolve(appended(work))
      }
      const ours = new Set(checkpoints.length > 0 ? results.at(-1)?.rows.map((row) => String(row.id)) : [])
      for (const { work, resolve } of checkpoints) resolve(ours.has(work.turn_id))
    }
  }

  /** A batch failed. Unless the database is out of reach, one append is to blame: let it fail alone. */
  async #oneByOne(
    appends: readonly PlannedAppend[],
    checkpoints: readonly WaitingCheckpoint[],
    error: unknown,
  ): Promise<void> {
    const alone = appends.length + checkpoints.length === 1
    if (alone || !isStatementFault(error)) {
      for (const { reject } of [...appends, ...checkpoints]) reject(storeError(error))
      return
    }
    const told = (settle: Committed["settle"]) => settle()
    for (const append of appends)
      await this.#commit([[append]], []).then(told, (fault: unknown) => append.reject(storeError(fault)))
    for (const checkpoint of checkpoints)
      await this.#commit([], [checkpoint]).then(told, (fault: unknown) => checkpoint.reject(storeError(fault)))
  }
}

/** What the database has answered, and nobody has heard yet. */
interface Committed {
  readonly sessions: ReadonlySet<string>
  settle(): void
}

const nothing: Committed = { sessions: new Set(), settle: () => undefined }

/**
 * Takes the first out of a line. False: there is none, or no room for it in this batch, which holds at least one, however large
 * it is. One whose plan cannot be made goes no further.
 */
function takeNext(waiting: WaitingAppend[], round: PlannedAppend[], room: Room): boolean {
  const [next] = waiting
  if (!next || room.full || room.appends === batchSize) return false
  const { resolve, reject } = next
  try {
    const work = next.work()
    for (const message of work.messages) room.units += unitsOf(message)
    room.full = room.appends > 0 && room.units > batchUnits
    if (room.full) return false
    room.appends += 1
    round.push({ work, resolve, reject })
  } catch (error) {
    reject(error)
  }
  waiting.shift()
  return true
}

/** The first of `waiting` that one batch can hold; at least one, however large it is. */
function fitting(waiting: readonly WaitingCheckpoint[]): WaitingCheckpoint[] {
  let units = 0
  const beyond = waiting.findIndex(({ work: { text, reasoning } }, place) => {
    units += text.length + reasoning.length
    return place > 0 && units > batchUnits
  })
  return waiting.slice(0, beyond === -1 ? undefined : beyond)
}

function unitsOf({ message, parts }: NewMessage): number {
  return (message?.length ?? 0) + (parts.length > 0 ? JSON.stringify(parts).length : 0)
}
