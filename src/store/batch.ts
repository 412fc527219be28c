// One commit of many: its statements, and what their rows mean to those who wait.
import type { InStatement, ResultSet, Row } from "@libsql/client"
import { LibsqlError } from "@libsql/core/api"
import type { Append } from "./append.ts"
import { appendStatements, type Step } from "./append-statements.ts"
import { type Appended, appendedOf } from "./appended.ts"
import type { Group } from "./step.ts"
import { type Checkpoint, checkpointStatement } from "./turns.ts"

export interface Waiting<Work, Result> {
  readonly work: Work
  resolve(result: Result): void
  reject(error: unknown): void
}

export type WaitingCheckpoint = Waiting<Checkpoint, boolean>
export type PlannedAppend = Waiting<Append, Appended>

/** Appends of a chat, in order, that happen all or none. */
export type PlannedGroup = readonly [PlannedAppend, ...PlannedAppend[]]

/** At most one of a chat: its guards and numbers hold after what the rounds before left. */
type Round = readonly PlannedGroup[]

interface Made {
  readonly statements: InStatement[]
  /** Of each round. */
  readonly steps: readonly (readonly Step[])[]
}

export class Batch {
  /** Those that are appended to. */
  readonly sessions: ReadonlySet<string>
  readonly size: number
  readonly #rounds: readonly Round[]
  readonly #checkpoints: readonly WaitingCheckpoint[]
  #made: Made | LibsqlError | null = null

  /** `lines`: the groups of each chat, in order. */
  constructor(lines: readonly (readonly PlannedGroup[])[], checkpoints: readonly WaitingCheckpoint[]) {
    this.sessions = new Set(lines.flatMap(([group]) => group?.[0].work.session_id ?? []))
    this.#rounds = roundsOf(lines)
    this.#checkpoints = checkpoints
    this.size = this.#appends.length + checkpoints.length
  }

  get #appends(): PlannedAppend[] {
    return this.#rounds.flatMap((round) => round.flat())
  }

  /** Makes the statements, once. Whether that was possible is told by `statements`. */
  make(): void {
    this.#made ??= madeOf(this.#rounds, this.#checkpoints)
  }

  /** Throws, as a database that refuses a statement, when one of the appends cannot be written. */
  get statements(): InStatement[] {
    this.make()
    if (!this.#made || this.#made instanceof Error) throw this.#made
    return this.#made.statements
  }

  /** Tells each what came of it, but for those that were refused together. `results`: of the statements. */
  settle(results: readonly ResultSet[]): void {
    for (const { round, rows } of this.#told(results)) {
      const appended = appendedOf(rows)
      for (const group of round) {
        const each = appended(worksOf(group))
        if (!each && group.length > 1) continue
        for (const [place, { resolve }] of group.entries()) resolve(each?.[place] ?? { seqs: [] })
      }
    }
    const ours = new Set(this.#checkpoints.length > 0 ? results.at(-1)?.rows.map((row) => String(row.id)) : [])
    for (const { work, resolve } of this.#checkpoints) resolve(ours.has(work.turn_id))
  }

  /** It may be for one of them alone, so that the others are to be tried without it: a batch of them, each for itself. */
  refusedTogether(results: readonly ResultSet[]): Batch | undefined {
    const refused = this.#told(results).flatMap(({ round, rows }) => {
      const accepted = rows.get("sessions") ?? []
      if (accepted.length === round.length) return []
      const ids = new Set(accepted.map(({ id }) => id))
      return round.filter((group) => group.length > 1 && !ids.has(group[0].work.session_id))
    })
    return refused.length > 0 ? new Batch(refused.map(alone), []) : undefined
  }

  #told(results: readonly ResultSet[]): { round: Round; rows: ReadonlyMap<Step, readonly Row[]> }[] {
    const stepsOf = this.#made && !(this.#made instanceof Error) ? this.#made.steps : []
    let first = 0
    return this.#rounds.map((round, place) => {
      const steps = stepsOf[place] ?? []
      const rows = new Map(steps.map((step, at) => [step, results[first + at]?.rows ?? []]))
      first += steps.length
      return { round, rows }
    })
  }

  reject(error: unknown): void {
    for (const { reject } of [...this.#appends, ...this.#checkpoints]) reject(error)
  }

  /** Batches of one. */
  apart(): Batch[] {
    return [
      ...this.#appends.map((append) => new Batch([[[append]]], [])),
      ...this.#checkpoints.map((checkpoint) => new Batch([], [checkpoint])),
    ]
  }
}

function madeOf(rounds: readonly Round[], checkpoints: readonly WaitingCheckpoint[]): Made | LibsqlError {
  try {
    const made = rounds.map((round) => appendStatements(round.map(worksOf)))
    const statements = made.flatMap((steps) => steps.map(({ statement }) => statement))
    if (checkpoints.length > 0) statements.push(checkpointStatement(checkpoints.map(({ work }) => work)))
    return { statements, steps: made.map((steps) => steps.map(({ step }) => step)) }
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    return new LibsqlError("what is appended cannot be written as JSON", "ARGS_INVALID", undefined, undefined, error)
  }
}

function alone(group: PlannedGroup): PlannedGroup[] {
  return group.map((append) => [append])
}

function worksOf([first, ...others]: PlannedGroup): Group {
  return [first.work, ...others.map(({ work }) => work)]
}

/** The first of each line, the second of each, and so on. */
function roundsOf(lines: readonly (readonly PlannedGroup[])[]): PlannedGroup[][] {
  const rounds: PlannedGroup[][] = []
  for (const line of lines) {
    for (const [place, group] of line.entries()) {
      const round = rounds[place]
      if (round) round.push(group)
      else rounds.push([group])
    }
  }
  return rounds
}
