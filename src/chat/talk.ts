// What a chat needs once something is said in it. Most of those that are looked at rest, and do without.
import type { TurnEnd } from "../protocol/turn.ts"
import { Context } from "./context.ts"
import type { DurableFrame } from "./frames.ts"
import { Ring } from "./ring.ts"
import { Streams } from "./streams.ts"
import type { TextGaps } from "./text-gaps.ts"

export class Talk {
  readonly ring = new Ring()
  readonly streams = new Streams()
  readonly context = new Context()
  /** Events that came before their turn. */
  readonly ahead = new Map<number, DurableFrame>()
  /** What lies between is about to be looked for. */
  filling = false
  /** Who waits for the end of an open turn. */
  readonly ends = new Map<string, ((state: TurnEnd) => void)[]>()
  /** Open turns whose stop was asked for. */
  readonly stops = new Set<string>()
  /** Made with the first hole: a bus of a single process leaves none. */
  textGaps: TextGaps | null = null
}
