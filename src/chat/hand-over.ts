// A shutdown that could not wait for a turn leaves it to an instance that stays, if that one can go on with it.
import type { Log } from "../log.ts"
import { putBack, releaseTurns } from "../store/turns.ts"
import type { LiveChat } from "./live-chat.ts"
import { routeOf } from "./route-of.ts"
import type { HeldTurn, TurnDeps } from "./turn.ts"

/** False: nobody could go on with it, it is to be ended here. */
export async function handOver(
  deps: Pick<TurnDeps, "db" | "registry">,
  { session }: Pick<LiveChat, "session">,
  turn: HeldTurn,
  begun: boolean,
  log: Log,
): Promise<boolean> {
  try {
    if (begun && !(await routeOf(deps, session, turn.question))?.handler.resumable) return false
    await (begun ? releaseTurns(deps.db, [turn]) : putBack(deps.db, turn))
    log.info({}, "the turn was left to another instance")
  } catch (error) {
    log.warn({ err: error }, "the turn could not be handed over; it is taken over when this instance is gone")
  }
  return true
}
