// Where a graph is, between turns: the handler's checkpoint. LangGraph's own lie in the thread that it names.
import { z } from "zod"
import { Fields } from "../../protocol/form.ts"
import { Json } from "../../protocol/ids.ts"

/** What a graph asks: one interrupt. */
export const Asked = z.object({
  /** LangGraph's, of the interrupt. */
  id: z.string(),
  prompt: z.string().min(1),
  fields: Fields,
  expires_in_s: z.number().positive().optional(),
})
export type Asked = z.infer<typeof Asked>

/** What a graph waits for: its questions are asked one after the other, and it goes on when all are answered. */
export const Waiting = z.object({ questions: z.array(Asked).min(1), answers: z.record(z.string(), Json) })
export type Waiting = z.infer<typeof Waiting>

export const Position = z.object({
  /** The graph's name. */
  graph: z.string(),
  /** Each turn has a thread of its own, which begins as a copy of that of the turn before: so branches never meet. */
  thread_id: z.string(),
  checkpoint_id: z.string(),
  /** `running`: a turn that was stopped, or whose instance died. `failed`: the next turn tries again from here. */
  state: z.enum(["running", "waiting", "failed", "done"]),
  /** What is asked; of one that failed: what was answered and not taken in. */
  waiting: Waiting.nullable(),
  /** The turn that asks. */
  turn_id: z.string(),
})
export type Position = z.infer<typeof Position>

/** The position in a checkpoint of this handler for this graph; null: there is none. */
export function positionIn(checkpoint: unknown, graph: string): Position | null {
  const read = Position.safeParse(checkpoint)
  return read.success && read.data.graph === graph ? read.data : null
}

/** The question that is open. */
export function openOf({ questions, answers }: Waiting): Asked | undefined {
  return questions.find(({ id }) => !Object.hasOwn(answers, id))
}
