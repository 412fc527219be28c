// What came of an append, as its statements tell it.
import type { Row } from "@libsql/client"
import type { Counters } from "../protocol/session.ts"
import type { Append } from "./append.ts"
import type { Step } from "./append-statements.ts"

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

/** Of each append of a round, from the rows that its steps gave back. */
export function appendedOf(rows: ReadonlyMap<Step, readonly Row[]>): (append: Append) => Appended {
  const by = (step: Step, key: string) => new Map(rows.get(step)?.map((row) => [row[key], row]))
  const sessions = by("sessions", "id")
  const messages = by("messages", "id")
  const turns = by("turns", "session_id")
  const claims = by("claims", "session_id")
  const counted = by("counters", "id")
  return ({ session_id, events, messages: said }) => {
    const session = sessions.get(session_id)
    if (!session) return { seqs: [] }
    const first = Number(session.last_seq) - events.length + 1
    const seqs = events.map((_, place) => first + place)
    const [turn, claimed, counters] = [turns, claims, counted].map((step) => step.get(session_id))
    const follower = said.find(({ follows }) => follows !== undefined)
    const reply_to = follower && messages.get(follower.id)?.reply_to
    return {
      seqs,
      ...(reply_to === undefined ? {} : { reply_to: reply_to === null ? null : String(reply_to) }),
      ...(turn ? { turn_state: turn.state === "running" ? "running" : "queued" } : {}),
      ...(claimed ? { claimed: String(claimed.id) } : {}),
      ...(counters ? { counters: countersOf(counters) } : {}),
    }
  }
}

function countersOf({ likes, dislikes, copies }: Row): Counters {
  return { likes: Number(likes), dislikes: Number(dislikes), copies: Number(copies) }
}
