// Questions that nobody answered in time are closed (P6.14): asked of the store, in one query for all chats, since nobody need
// be looking at them. Every instance does it; the guard sees to it that it happens once.
import { type Cancel, type Clock, timestamp } from "../clock.ts"
import { newTraceId } from "../ids.ts"
import type { Log } from "../log.ts"
import type { Database } from "../store/database.ts"
import { loadChat } from "../store/events.ts"
import { expiredInputs } from "../store/inputs.ts"
import type { InputRow } from "../store/schema.ts"
import type { Emitter } from "./emit.ts"
import { statusOf, viewOf } from "./frames.ts"

export interface ExpiryDeps {
  readonly db: Database
  readonly emitter: Emitter
  readonly clock: Clock
  readonly log: Log
}

/** Milliseconds between two looks. */
const lookEvery = 1000
/** Questions that are closed at once. */
const atOnce = 100

/** Begins at once: their time may have come while nobody was there. */
export function startExpiry(deps: ExpiryDeps): Cancel {
  const { db, clock, log } = deps
  let cancel: Cancel = () => undefined
  let over = false

  const look = async () => {
    try {
      const expired = await expiredInputs(db, timestamp(clock.now()), atOnce)
      await Promise.all(expired.map((input) => expire(deps, input)))
    } catch (error) {
      log.warn({ err: error }, "questions whose time is over could not be closed yet")
    }
    if (!over) cancel = clock.after(lookEvery, () => void look())
  }
  void look()
  return () => {
    over = true
    cancel()
  }
}

async function expire({ db, emitter }: ExpiryDeps, input: Pick<InputRow, "id" | "session_id">): Promise<void> {
  const state = await loadChat(db, input.session_id)
  if (state?.question?.id !== input.id) return
  const { session, turns } = viewOf(state)
  // A turn between may be running just now; then the session goes on running.
  const waits = turns.length === 0
  const view = { session: waits ? { ...session, state: "completed" as const } : session, turns, question: null }
  await emitter.append(session, {
    trace_id: newTraceId(),
    guard: { open: true, line: turns.map(({ turn_id }) => turn_id) },
    events: [{ kind: "status", ref: null, data: statusOf(view, waits ? ["question", "state"] : ["question"]) }],
    expire_input: input.id,
    ...(waits ? { session: { state: "completed" } } : {}),
  })
}
