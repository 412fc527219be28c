// Appends that wait for the next batch: a line for each chat, whose order is kept.
import type { Append, NewMessage } from "./append.ts"
import type { Appended } from "./appended.ts"
import type { Waiting } from "./batch.ts"

interface WaitingAppend extends Waiting<() => Append, Appended> {
  /** It is made of what came of the appends before it, so none of them may be in its batch. */
  readonly informed: boolean
}

export type PlannedAppend = Waiting<Append, Appended>

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

export const batchSize = 256
/** Appends of one chat in a batch. */
const maxRounds = 16
/** UTF-16 units of text in one batch. A libSQL server takes no value above 5,000,000 bytes (sqld 0.24), and a batch is one. */
export const batchUnits = 1_000_000

export class AppendLines {
  /** By session, in the order in which they came. */
  readonly #lines = new Map<string, Line>()
  #waiting = 0

  /** How many wait. */
  get size(): number {
    return this.#waiting
  }

  add(session_id: string, append: WaitingAppend): void {
    const line = this.#lines.get(session_id) ?? { session_id, waiting: [] }
    line.waiting.push(append)
    this.#lines.set(session_id, line)
    this.#waiting += 1
  }

  /**
   * The first of each chat, then the second of those that have one, and so on: a busy chat does not hold up the others. Each round
   * has at most one append of a chat. In the chats of `untold` something was appended, and nobody knows yet.
   */
  take(untold: ReadonlySet<string>): PlannedAppend[][] {
    const room: Room = { appends: 0, units: 0, full: false }
    const rounds: PlannedAppend[][] = []
    const takeRound = (lines: readonly Line[]) => {
      const round: PlannedAppend[] = []
      const went = lines.filter(({ waiting }) => takeNext(waiting, round, room))
      this.#waiting -= went.length
      if (round.length > 0) rounds.push(round)
      return went
    }
    const first = takeRound(this.#thoseThatMayGo(untold))
    let lines = first
    for (let round = 1; round < maxRounds && lines.length > 0; round++)
      lines = takeRound(lines.filter(({ waiting }) => !waiting[0]?.informed))
    // What is left of a line goes to the end, so that in the next batch others come first.
    for (const line of first) {
      this.#lines.delete(line.session_id)
      if (line.waiting.length > 0) this.#lines.set(line.session_id, line)
    }
    return rounds
  }

  #thoseThatMayGo(untold: ReadonlySet<string>): Line[] {
    const lines: Line[] = []
    for (const line of this.#lines.values()) {
      if (lines.length === batchSize) break
      if (!line.waiting[0]?.informed || !untold.has(line.session_id)) lines.push(line)
    }
    return lines
  }
}

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

function unitsOf({ message, parts }: NewMessage): number {
  return (message?.length ?? 0) + (parts.length > 0 ? JSON.stringify(parts).length : 0)
}
