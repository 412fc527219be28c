// Stopping a turn from outside it (P6.4): the wish is kept, the instance that runs the turn stops it, its end confirms it.
import type { Principal } from "../auth/token.ts"
import { type Clock, delay } from "../clock.ts"
import type { InterruptResult } from "../protocol/server-frame.ts"
import { stopOf } from "./commands.ts"
import type { LiveChat } from "./live-chat.ts"
import type { TurnRunner } from "./turn-runner.ts"

export interface InterruptRequest {
  readonly turn_id?: string | undefined
  /** Milliseconds. */
  readonly wait_ms: number
  readonly trace_id: string
}

export interface Interrupted {
  readonly result: InterruptResult
  readonly turn_id: string | null
  /** Of the event that asks for the stop; null when there is none of this request. */
  readonly seq: number | null
}

export interface InterruptDeps {
  readonly clock: Clock
  readonly turns: TurnRunner
}

export async function interrupt(
  { clock, turns }: InterruptDeps,
  chat: LiveChat,
  by: Principal,
  { wait_ms, trace_id, ...named }: InterruptRequest,
): Promise<Interrupted> {
  // Perhaps it was asked for on another instance in this moment: the store knows.
  if (!chat.turn(named.turn_id)) await chat.fill()
  const turn = chat.turn(named.turn_id)
  if (!turn) return { result: "too_late", turn_id: named.turn_id ?? null, seq: null }
  const { turn_id } = turn
  const ended = wait_ms > 0 ? chat.turnEnded(turn_id) : undefined
  const seq = await turns.stop(chat, turn, stopOf(turn_id, by.user_id), trace_id)
  const end = ended ? await Promise.race([ended, delay(clock, wait_ms)]) : undefined
  // It may have ended in this moment.
  if (end === undefined) return { result: seq === null && !chat.turn(turn_id) ? "too_late" : "requested", turn_id, seq }
  return { result: end === "interrupted" ? "confirmed" : "too_late", turn_id, seq }
}
