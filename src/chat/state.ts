// The one table of transitions: what the bot does (SessionState), what the person does (Lifecycle), how a turn goes.
//
//   initialized -> running -> waiting_input <-> running -> completed -> ended
//                      \-> interrupted -/
//
// A finished conversation goes on with the next question, so completed and interrupted lead back to running.
import type { Lifecycle, SessionState } from "../protocol/session.ts"
import type { TurnEnd, TurnState } from "../protocol/turn.ts"

const session: Record<SessionState, readonly SessionState[]> = {
  initialized: ["running", "ended"],
  running: ["waiting_input", "completed", "interrupted", "ended"],
  // completed: nobody answered in time (P6.14), or the context was cleared (P6.16).
  waiting_input: ["running", "completed", "interrupted", "ended"],
  completed: ["running", "ended"],
  interrupted: ["running", "ended"],
  ended: [],
}

const lifecycle: Record<Lifecycle, readonly Lifecycle[]> = {
  created: ["active", "ended"],
  active: ["paused", "ended"],
  paused: ["active", "ended"],
  ended: [],
}

const turn: Record<TurnState, readonly TurnState[]> = {
  queued: ["running", "interrupted"],
  running: ["waiting_input", "completed", "interrupted", "failed"],
  waiting_input: [],
  completed: [],
  interrupted: [],
  failed: [],
}

export const transitions = { session, lifecycle, turn }

/** May a session go from one state to the other? Staying is no transition. */
export function maySession(from: SessionState, to: SessionState): boolean {
  return session[from].includes(to)
}

/** From where a lifecycle may go to `to`. */
export function lifecyclesBefore(to: Lifecycle): Lifecycle[] {
  return (Object.keys(lifecycle) as Lifecycle[]).filter((from) => lifecycle[from].includes(to))
}

export function mayLifecycle(from: Lifecycle, to: Lifecycle): boolean {
  return lifecycle[from].includes(to)
}

/** What a session is once its last open turn has ended. A failure cut the work short as a stop does; the turn says which. */
export function afterTurn(end: TurnEnd): SessionState {
  return end === "failed" ? "interrupted" : end
}
