// What came of appends, as their statements tell it.
import type { Row } from "@libsql/client"
import type { Counters } from "../protocol/session.ts"
import type { Step } from "./append-statements.ts"
import type { Group } from "./step.ts"

export interface Appended {
  /** Places of the append's events, in order. Empty: a guard did not hold, and nothing happened. */
  readonly seqs: readonly number[]
  /** Of the new turn. */
  readonly turn_state?: "queued" | "running"
  /** Of the message that could not tell which answer it follows. */
  readonly reply_to?: string | null
  /** The turn that was taken next. */
  readonly claimed?: string
  /** Of the session, when the append rated or deleted messages; the `status` among its events says them. */
  readonly counters?: Counters
}

/** Of each append of a group, from the rows that the steps of its round gave back. Undefined: a guard did not hold. */
export function appendedOf(rows: ReadonlyMap<Step, readonly Row[]>): (group: Group) => Appended[] | undefined {
  const by = (step: Step, key: string) => new Map(rows.get(step)?.map((row) => [row[key], row]))
  const sessions = by("sessions", "id")
  const messages = by("messages", "id")
  const turns = by("turns", "id")
  const claims = by("claims", "session_id")
  const counted = by("counters", "id")
  return (group) => {
    const { session_id } = group[0]
    const last_seq = sessions.get(session_id)?.last_seq
    if (last_seq === undefined) return undefined
    let first = Number(last_seq) - group.reduce((count, { events }) => count + events.length, 0) + 1
    return group.map(({ events, messages: said, new_turn }) => {
      const from = first
      first += events.length
      const follower = said.find(({ follows }) => follows !== undefined)
      const reply_to = follower && messages.get(follower.id)?.reply_to
      const turn = new_turn && turns.get(new_turn.id)
      const [claimed, counters] = [claims.get(session_id), counted.get(session_id)]
      return {
        seqs: events.map((_, place) => from + place),
        ...(reply_to === undefined ? {} : { reply_to: reply_to === null ? null : String(reply_to) }),
        ...(turn ? { turn_state: turn.state === "running" ? "running" : "queued" } : {}),
        ...(claimed ? { claimed: String(claimed.id) } : {}),
        ...(counters ? { counters: countersOf(counters) } : {}),
      }
    })
  }
}

function countersOf({ likes, dislikes, copies }: Row): Counters {
  return { likes: Number(likes), dislikes: Number(dislikes), copies: Number(copies) }
}
