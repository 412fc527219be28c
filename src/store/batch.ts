// One commit of many: its statements, and what their rows mean to those who wait.
import type { InStatement, ResultSet, Row } from "@libsql/client"
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

/** At most one group of a chat: its guards and numbers hold after what the rounds before left. */
interface Round {
  readonly groups: readonly PlannedGroup[]
  readonly steps: readonly Step[]
}

export class Batch {
  readonly #statements: InStatement[] = []
  #fault: unknown
  /** Those that are appended to. */
  readonly sessions: ReadonlySet<string>
  readonly size: number
  readonly #rounds: readonly Round[]
  readonly #checkpoints: readonly WaitingCheckpoint[]

  /** `lines`: the groups of each chat, in order. */
  constructor(lines: readonly (readonly PlannedGroup[])[], checkpoints: readonly WaitingCheckpoint[]) {
    this.sessions = new Set(lines.flatMap(([group]) => group?.[0].work.session_id ?? []))
    this.#rounds = roundsOf(lines).map((groups) => ({
      groups,
      steps: this.#add(() => appendStatements(groups.map(worksOf))),
    }))
    this.#checkpoints = checkpoints
    this.size = this.#rounds.reduce((sum, { groups }) => sum + groups.flat().length, checkpoints.length)
    if (checkpoints.length > 0)
      this.#add(() => [{ step: "checkpoints", statement: checkpointStatement(checkpoints.map(({ work }) => work)) }])
  }

  /** Throws when one of them cannot be made. */
  get statements(): InStatement[] {
    if (this.#fault !== undefined) throw this.#fault
    return this.#statements
  }

  /** Whoever waits can be told of what goes wrong only when there is a batch. */
  #add<Of>(make: () => { step: Of; statement: InStatement }[]): Of[] {
    try {
      const made = make()
      for (const { statement } of made) this.#statements.push(statement)
      return made.map(({ step }) => step)
    } catch (fault) {
      this.#fault ??= fault
      return []
    }
  }

  /** Tells each what came of it, but for those that were refused together. `results`: of the statements. */
  settle(results: readonly ResultSet[]): void {
    for (const { groups, rows } of this.#told(results)) {
      const appended = appendedOf(rows)
      for (const group of groups) {
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
    const refused = this.#told(results).flatMap(({ groups, rows }) => {
      const accepted = rows.get("sessions") ?? []
      if (accepted.length === groups.length) return []
      const ids = new Set(accepted.map(({ id }) => id))
      return groups.filter((group) => group.length > 1 && !ids.has(group[0].work.session_id))
    })
    return refused.length > 0 ? new Batch(refused.map(alone), []) : undefined
  }

  #told(results: readonly ResultSet[]): { groups: Round["groups"]; rows: ReadonlyMap<Step, readonly Row[]> }[] {
    let first = 0
    return this.#rounds.map(({ groups, steps }) => {
      const rows = new Map(steps.map((step, place) => [step, results[first + place]?.rows ?? []]))
      first += steps.length
      return { groups, rows }
    })
  }

  reject(error: unknown): void {
    for (const { groups } of this.#rounds) for (const { reject } of groups.flat()) reject(error)
    for (const { reject } of this.#checkpoints) reject(error)
  }

  /** Batches of one. */
  apart(): Batch[] {
    const appends = this.#rounds.flatMap(({ groups }) => groups.flat())
    return [
      ...appends.map((append) => new Batch([[[append]]], [])),
      ...this.#checkpoints.map((checkpoint) => new Batch([], [checkpoint])),
    ]
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
