// How a message meets the turns that are open when it comes (P6.3): a plan for one commit, made of what is known here. Its guard
// makes sure that it still fits in the moment of the commit.
import type { Policy } from "../protocol/client-frame.ts"
import type { OpenTurn, TurnOver } from "../protocol/turn.ts"
import type { Append, Guard, NewEvent } from "../store/append.ts"

/** How often a plan is made anew, when a chat moves on elsewhere between plan and commit. */
export const tries = 5

/** Is a plan for it made of the turns as they are, so that what is under way has to be known first? */
export function looksAtLine(policy: Policy): boolean {
  return policy !== "enqueue" && policy !== "reject"
}

export interface Plan {
  readonly guard: Guard
  /** After the message's own. */
  readonly events: readonly NewEvent[]
  readonly change: Pick<Append, "stop_turn" | "drop_turns">
  /** The waiting turn whose question it joins, instead of asking one of its own. */
  readonly joins?: string
  /** It is made for this moment: when its guard does not hold, one for the next may. */
  readonly passing: boolean
}

export interface Meeting {
  readonly turns: readonly OpenTurn[]
  /** Who speaks, and in which role. */
  readonly user_id: number
  readonly role: "user" | "admin"
  /** How many may wait. */
  readonly max_queued_turns: number
}

export function planOf(policy: Policy, { turns, user_id, role, max_queued_turns }: Meeting): Plan {
  // The running one does not wait, so one more may be open than may wait.
  const inLine = { guard: { max_open_turns: max_queued_turns }, events: [], change: {}, passing: false }
  switch (policy) {
    case "enqueue":
      return inLine
    case "reject":
      return { ...inLine, guard: { max_open_turns: 0 } }
    case "merge": {
      const last = turns.at(-1)
      if (last?.state !== "queued" || 1 + (last.merged?.length ?? 0) > max_queued_turns) return inLine
      const guard = { joinable: { turn_id: last.turn_id, user_id, role } }
      return { guard, events: [], change: {}, joins: last.turn_id, passing: true }
    }
    case "latest":
      return turns.length === 0 ? inLine : replacing(turns)
    case "interrupt": {
      if (turns.length === 0) return inLine
      const plan = replacing(turns)
      const running = turns.find(({ state }) => state === "running")
      if (!running) return plan
      const { turn_id } = running
      const interrupt = { turn_id, result: "requested", by: user_id }
      return {
        ...plan,
        events: [...plan.events, { kind: "interrupt", ref: turn_id, data: interrupt }],
        change: { ...plan.change, stop_turn: turn_id },
      }
    }
  }
}

/** Takes the place of those that wait: they end without having been asked. */
function replacing(turns: readonly OpenTurn[]): Plan {
  const waiting = turns.filter(({ state }) => state === "queued")
  return {
    guard: { line: turns.map(({ turn_id }) => turn_id) },
    events: waiting.map(({ turn_id }) => ({ kind: "end", ref: turn_id, data: unasked(turn_id, "superseded") })),
    change: waiting.length > 0 ? { drop_turns: waiting.map(({ turn_id }) => turn_id) } : {},
    passing: true,
  }
}

/** The end of a turn that waited and will not run. */
export function unasked(turn_id: string, reason: "superseded" | "stopped"): TurnOver {
  return { turn_id, state: "interrupted", reason, message_id: null, error: null, question: null }
}
