// How much one turn may say and show, from the configuration.
import type { ChatConfig } from "../settings.ts"
import type { TurnDeps } from "./turn.ts"

/** All that is yielded may be so many times what may stand in the end: tools and steps are told again as they go on. */
const overwritten = 16

export function limitsOf(config: ChatConfig): Pick<TurnDeps, "max_answer_length" | "max_parts" | "bounds"> {
  const { max_answer_length, max_answer_parts, max_parts_length, max_events_per_second, max_turn_events } = config
  const max_turn_length = overwritten * (max_answer_length + max_parts_length)
  return {
    max_answer_length,
    max_parts: { max_answer_parts, max_parts_length },
    bounds: { max_events_per_second, max_turn_events, max_turn_length },
  }
}
