// What is said between the service and the process that reads a file as text.
import { z } from "zod"
import { docx } from "./kind.ts"

/** Types that need reading; the others are text as they are, or have none. */
export const Readable = z.enum(["application/pdf", "text/html", docx])
export type Readable = z.infer<typeof Readable>

export const ExtractTask = z.object({
  mime_type: Readable,
  /** UTF-16 units. */
  max_length: z.int(),
  /** Of a PDF. */
  max_pages: z.int(),
  /** Resident memory of the process. */
  memory_bytes: z.int(),
})
export type ExtractTask = z.infer<typeof ExtractTask>

export const Extracted = z.union([
  /** `cut`: there is more. */
  z.object({ text: z.string(), cut: z.boolean() }),
  /** Why there is none: a `problem_...` of the catalogue. */
  z.object({ problem: z.string() }),
])
export type Extracted = z.infer<typeof Extracted>
