// Where work at Linsight is, for the next turn, and for another instance that goes on with this one.
import { z } from "zod"
import type { HandlerEvent } from "../handler.ts"
import type { Work } from "./linsight-api.ts"

const work = { session_id: z.string(), session_version_id: z.string() }
const told = z.record(z.string(), z.object({ seen: z.int(), over: z.boolean() })).default({})

export const Checkpoint = z.discriminatedUnion("state", [
  /** Handed in, perhaps not started yet. */
  z.object({ state: z.literal("submitted"), ...work }),
  z.object({ state: z.literal("running"), ...work, told }),
  z.object({ state: z.literal("waiting"), ...work, told, task_id: z.string() }),
  /** The answer to the question is on its way. */
  z.object({ state: z.literal("answering"), ...work, told, task_id: z.string() }),
  z.object({ state: z.literal("over"), ...work, told }),
  /** A further question is on its way; the row was as of then before it. */
  z.object({ state: z.literal("continuing"), ...work, told, as_of: z.string().optional() }),
])
export type Checkpoint = z.infer<typeof Checkpoint>

export function workOf({ session_id, session_version_id }: Work): Work {
  return { session_id, session_version_id }
}

export function kept(checkpoint: Checkpoint): HandlerEvent {
  return { type: "checkpoint", checkpoint: JSON.parse(JSON.stringify(checkpoint)) }
}
