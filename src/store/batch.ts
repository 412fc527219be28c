// One commit of many: its statements, and what their rows mean to those who wait.
import type { InStatement, ResultSet } from "@libsql/client"
import type { PlannedAppend } from "./append-lines.ts"
import { appendStatements, type Step } from "./append-statements.ts"
import { appendedOf } from "./appended.ts"
import { type Checkpoint, checkpointStatement } from "./turns.ts"

export interface Waiting<Work, Result> {
  readonly work: Work
  resolve(result: Result): void
  reject(error: unknown): void
}

export type WaitingCheckpoint = Waiting<Checkpoint, boolean>

export class Batch {
  readonly appends: readonly PlannedAppend[]
  readonly checkpoints: readonly WaitingCheckpoint[]
  readonly statements: readonly InStatement[]
  /** Those that are appended to. */
  readonly sessions: ReadonlySet<string>
  readonly #rounds: readonly { readonly appends: readonly PlannedAppend[]; readonly steps: readonly Step[] }[]

  /** Each round has at most one append of a chat: its guards and numbers hold after what the rounds before left. */
  constructor(rounds: readonly PlannedAppend[][], checkpoints: readonly WaitingCheckpoint[]) {
    this.appends = rounds.flat()
    this.checkpoints = checkpoints
    this.sessions = new Set(this.appends.map(({ work }) => work.session_id))
    const made = rounds.map((appends) => ({ appends, steps: appendStatements(appends.map(({ work }) => work)) }))
    this.#rounds = made.map(({ appends, steps }) => ({ appends, steps: steps.map(({ step }) => step) }))
    const statements = made.flatMap(({ steps }) => steps.map(({ statement }) => statement))
    if (checkpoints.length > 0) statements.push(checkpointStatement(checkpoints.map(({ work }) => work)))
    this.statements = statements
  }

  get size(): number {
    return this.appends.length + this.checkpoints.length
  }

  /** Tells each what came of it. `results`: of the statements. */
  settle(results: readonly ResultSet[]): void {
    let first = 0
    for (const { appends, steps } of this.#rounds) {
      const rows = new Map(steps.map((step, place) => [step, results[first + place]?.rows ?? []]))
      first += steps.length
      const appended = appendedOf(rows)
      for (const { work, resolve } of appends) resolve(appended(work))
    }
    const ours = new Set(this.checkpoints.length > 0 ? results.at(-1)?.rows.map((row) => String(row.id)) : [])
    for (const { work, resolve } of this.checkpoints) resolve(ours.has(work.turn_id))
  }

  reject(error: unknown): void {
    for (const { reject } of [...this.appends, ...this.checkpoints]) reject(error)
  }

  /** Each for itself, in order. */
  apart(): Batch[] {
    return [
      ...this.appends.map((append) => new Batch([[append]], [])),
      ...this.checkpoints.map((checkpoint) => new Batch([], [checkpoint])),
    ]
  }
}
