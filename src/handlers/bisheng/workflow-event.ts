// What a workflow tells, event by event. Versions differ: what is not needed may be missing, and unknown keys are passed over.
import { z } from "zod"

const nullable = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined)
const Text = nullable(z.string())

const File = z.looseObject({ path: Text, file_url: Text, url: Text, name: Text, file_name: Text })

const Option = z.looseObject({ id: z.union([z.string(), z.number()]).nullish(), label: Text, text: Text })
export type Option = z.infer<typeof Option>

const Item = z.looseObject({
  key: z.string(),
  type: z.string(),
  value: z.unknown().optional(),
  label: Text,
  multiple: nullable(z.boolean()),
  required: nullable(z.boolean()),
  options: nullable(z.array(Option)),
  file_type: Text,
})
export type Item = z.infer<typeof Item>

export const WorkflowEvent = z.looseObject({
  event: z.string(),
  message_id: z.union([z.string(), z.number()]).nullish(),
  status: Text,
  node_id: Text,
  node_name: Text,
  node_execution_id: Text,
  output_schema: nullable(
    z.looseObject({
      message: z.unknown().optional(),
      reasoning_content: Text,
      output_key: Text,
      files: nullable(z.array(z.union([File, z.string().transform((url) => File.parse({ url }))]).nullable())),
    }),
  ),
  input_schema: nullable(z.looseObject({ input_type: Text, value: nullable(z.array(Item.nullable())) })),
})
export type WorkflowEvent = z.infer<typeof WorkflowEvent>

export const WorkflowStream = z.looseObject({
  session_id: z.string().min(1),
  data: z.union([WorkflowEvent.transform((event) => [event]), z.array(WorkflowEvent)]),
})

/** What a workflow that failed says in `close`: an object, in old versions a string. */
export const Failure = z.union([
  z.looseObject({ status_code: z.number(), status_message: z.unknown().optional(), data: z.unknown().optional() }),
  z.string().transform((status_message) => ({ status_code: 500, status_message, data: undefined })),
])
