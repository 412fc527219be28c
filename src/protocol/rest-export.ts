// REST: a conversation as a file (P6.19).
import { z } from "zod"
import { owned, route, SessionRef } from "./route.ts"

export const TranscriptFormat = z.enum(["md", "json", "html"])
export type TranscriptFormat = z.infer<typeof TranscriptFormat>

export const exportRoutes = {
  exportMessages: route("get", "/chat/message/export", {
    summary: "Download a conversation as a file",
    description: "It is sent as it is made. What was deleted is left out.",
    answers: ["text/markdown", "application/json", "text/html"],
    query: z.strictObject({
      ...owned,
      chat_id: SessionRef,
      format: TranscriptFormat.default("md").describe("Markdown, JSON, or a page that runs nothing."),
      branch: z
        .enum(["active", "all"])
        .default("active")
        .describe(
          "active: from its beginning to the session's head (P6.12). all: everything that was said, in the order of seq.",
        ),
    }),
    errors: ["not_found", "store_unavailable"],
  }),
}
