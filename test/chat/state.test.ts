// The table of transitions, held against the seed's diagram.
import { describe, expect, test } from "bun:test"
import { afterTurn, mayLifecycle, maySession, transitions } from "../../src/chat/state.ts"
import { Lifecycle, SessionState } from "../../src/protocol/session.ts"
import { TurnEnd, TurnState } from "../../src/protocol/turn.ts"

/** Every pair, and whether it is among `allowed`, written as "from -> to". */
function expectOnly<T extends string>(
  states: readonly T[],
  may: (from: T, to: T) => boolean,
  allowed: readonly string[],
): void {
  const found = states.flatMap((from) => states.filter((to) => may(from, to)).map((to) => `${from} -> ${to}`))
  expect(found.toSorted()).toEqual(allowed.toSorted())
}

describe("sessions", () => {
  // The seed: initialized -> running -> waiting_input <-> running -> completed -> ended, and running -> interrupted.
  const seed = [
    ...["initialized -> running", "running -> waiting_input", "waiting_input -> running", "running -> completed"],
    ...["completed -> ended", "running -> interrupted", "interrupted -> ended"],
  ]
  // What the seed's lifecycle asks for besides: several rounds in one chat, and an end at any time.
  const rounds = ["completed -> running", "interrupted -> running", "waiting_input -> interrupted"]
  // A question that is closed without an answer (P6.14, P6.16).
  const closed = ["waiting_input -> completed"]
  const ends = ["initialized -> ended", "running -> ended", "waiting_input -> ended"]

  test("the seed's diagram holds, a finished conversation goes on, and a session may be ended at any time", () => {
    expectOnly(SessionState.options, maySession, [...seed, ...rounds, ...closed, ...ends])
  })

  test("`ended` is final, and every other state can get there", () => {
    for (const state of SessionState.options) {
      expect(maySession("ended", state)).toBe(false)
      if (state !== "ended") expect(maySession(state, "ended")).toBe(true)
    }
  })

  test("every state can be reached from the first", () => {
    const reached = new Set<SessionState>(["initialized"])
    for (const state of reached) for (const next of transitions.session[state]) reached.add(next)
    expect(reached).toEqual(new Set(SessionState.options))
  })
})

describe("lifecycles", () => {
  test("created, then active and paused in turn, until the end", () => {
    expectOnly(Lifecycle.options, mayLifecycle, [
      ...[
        "created -> active",
        "created -> ended",
        "active -> paused",
        "active -> ended",
        "paused -> active",
        "paused -> ended",
      ],
    ])
  })
})

describe("turns", () => {
  const may = (from: TurnState, to: TurnState) => transitions.turn[from].includes(to)

  test("[promise 5] a turn waits, runs, and ends once in one of four ways", () => {
    expectOnly(TurnState.options, may, [
      ...["queued -> running", "queued -> interrupted", "running -> waiting_input", "running -> completed"],
      ...["running -> interrupted", "running -> failed"],
    ])
  })

  test("[promise 5] its ends are final", () => {
    for (const end of TurnEnd.options) expect(transitions.turn[end]).toEqual([])
  })
})

test("after the last turn the session is as the turn left it, a failure counting as an interruption", () => {
  expect(TurnEnd.options.map((end) => [end, afterTurn(end)])).toEqual([
    ["waiting_input", "waiting_input"],
    ["completed", "completed"],
    ["interrupted", "interrupted"],
    ["failed", "interrupted"],
  ])
  for (const end of TurnEnd.options) expect(maySession("running", afterTurn(end))).toBe(true)
})
