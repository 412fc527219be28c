// How a fault is told, on the socket and over REST alike.
import { z } from "zod"

export const ErrorBody = z
  .object({
    /** Stable name; the list is in PROTOCOL.md, section 9. */
    code: z.string(),
    /** A sentence in the caller's language that says what to do. */
    message: z.string(),
    /** May the same request, unchanged, succeed later? */
    retry: z.boolean(),
    /** Milliseconds. */
    retry_after_ms: z.int().min(0).optional(),
    /** Of an answer to a question: what is wrong with each field, by its key. */
    fields: z.record(z.string(), z.string()).optional(),
    /** The `id` of the frame that is refused. */
    id: z.string().optional(),
  })
  .meta({ id: "Error" })
export type ErrorBody = z.infer<typeof ErrorBody>
