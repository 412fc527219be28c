// What Linsight tells, over its socket and its REST routes. Versions differ: what is not needed may be missing.
import { z } from "zod"

const nullable = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined)
const Text = nullable(z.string())
const Id = z.union([z.string(), z.number()]).transform(String)

/** One call of a tool, a thought, or a question to the person. */
export const LinsightStep = z.looseObject({
  task_id: nullable(Id),
  call_id: nullable(Id),
  call_reason: Text,
  name: Text,
  params: z.unknown().optional(),
  output: z.unknown().optional(),
  step_type: Text,
  status: Text,
  timestamp: z.unknown().optional(),
  is_completed: nullable(z.boolean()),
})
export type LinsightStep = z.infer<typeof LinsightStep>

export const LinsightTask = z.looseObject({
  id: Id,
  parent_task_id: nullable(Id),
  name: Text,
  task_data: nullable(z.looseObject({ name: Text, display_target: Text, target: Text, content: Text })),
  status: Text,
  result: nullable(z.looseObject({ answer: z.unknown().optional() })),
  history: nullable(z.array(LinsightStep)),
})
export type LinsightTask = z.infer<typeof LinsightTask>

export const LinsightVersion = z.looseObject({
  id: Id,
  session_id: Id,
  status: z.string(),
  update_time: Text,
  output_result: nullable(
    z.looseObject({
      answer: Text,
      final_files: nullable(z.array(z.looseObject({ file_name: Text, file_url: Text }))),
    }),
  ),
})
export type LinsightVersion = z.infer<typeof LinsightVersion>

export const LinsightEvent = z.looseObject({ event_type: z.string(), data: z.looseObject({}) })
export type LinsightEvent = z.infer<typeof LinsightEvent>
