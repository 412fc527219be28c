// Appends that wait for the next batch: a line for each chat, whose order is kept.
import type { Append, NewMessage } from "./append.ts"
import type { Appended } from "./appended.ts"
import type { PlannedAppend, PlannedGroup, Waiting } from "./batch.ts"

interface WaitingAppend extends Waiting<() => Append, Appended> {
  /** It is made of what came of the appends before it, so none of them may be in its batch. */
  readonly informed: boolean
}

interface Line {
  readonly session_id: string
  readonly waiting: WaitingAppend[]
  /** On their way into the batch that is being made. */
  taken: [PlannedAppend, ...PlannedAppend[]][]
}

/** What a batch holds by now. */
interface Room {
  appends: number
  /** Those as well that go no further. */
  left: number
  units: number
  full: boolean
}

export const batchSize = 512
/** Appends of one chat in a batch. */
const mostOfOne = 16
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
    const line = this.#lines.get(session_id) ?? { session_id, waiting: [], taken: [] }
    line.waiting.push(append)
    this.#lines.set(session_id, line)
    this.#waiting += 1
  }

  /**
   * Takes the first of each chat, then the second of those that have one, and so on: a busy chat does not hold up the others.
   * Answers with the groups of each chat, in order. In the chats of `untold` something was appended, and nobody knows yet.
   */
  take(untold: ReadonlySet<string>): PlannedGroup[][] {
    const room: Room = { appends: 0, left: 0, units: 0, full: false }
    const first = this.#thoseThatMayGo(untold).filter((line) => takeNext(line, room))
    let lines = first
    for (let count = 1; count < mostOfOne && lines.length > 0; count++)
      lines = lines.filter((line) => !line.waiting[0]?.informed && takeNext(line, room))
    this.#waiting -= room.left
    return first.map((line) => this.#leave(line))
  }

  #thoseThatMayGo(untold: ReadonlySet<string>): Line[] {
    const lines: Line[] = []
    for (const line of this.#lines.values()) {
      if (lines.length === batchSize) break
      if (!line.waiting[0]?.informed || !untold.has(line.session_id)) lines.push(line)
    }
    return lines
  }

  /** What is left of a line goes to the end, so that in the next batch others come first. */
  #leave(line: Line): PlannedGroup[] {
    const { session_id, waiting, taken } = line
    line.taken = []
    this.#lines.delete(session_id)
    if (waiting.length > 0) this.#lines.set(session_id, line)
    return taken
  }
}

/**
 * Takes the first that waits in a line. False: there is none, or no room for it in this batch, which holds at least one,
 * however large it is. One whose plan cannot be made goes no further.
 */
function takeNext({ waiting, taken }: Line, room: Room): boolean {
  const [next] = waiting
  if (!next || room.full || room.appends === batchSize) return false
  const { resolve, reject } = next
  try {
    const work = next.work()
    const last = taken.at(-1)
    const joined = last && joins(work, last)
    // Those that are one change may be refused together, and are tried again then, each for itself: nothing may overtake them.
    if (last && last.length > 1 && !joined) return false
    for (const message of work.messages) room.units += unitsOf(message)
    room.full = room.appends > 0 && room.units > batchUnits
    if (room.full) return false
    room.appends += 1
    if (joined) last.push({ work, resolve, reject })
    else taken.push([{ work, resolve, reject }])
  } catch (error) {
    reject(error)
  }
  waiting.shift()
  room.left += 1
  return true
}

/** See `Append.plain`. */
function joins({ plain, guard: { once } }: Append, group: PlannedGroup): boolean {
  if (!plain || !group[0].work.plain) return false
  // One statement looks for the ids of one person; and of two that are the same, the second is a repetition of the first.
  return group.every(({ work }) => {
    const other = work.guard.once
    return !once || !other || (once.user_id === other.user_id && once.client_id !== other.client_id)
  })
}

function unitsOf({ message, parts }: NewMessage): number {
  return (message?.length ?? 0) + (parts.length > 0 ? JSON.stringify(parts).length : 0)
}
