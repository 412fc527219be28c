// The bots that a caller may use, as they are shown to people. Never their options, which may hold secrets.
import { z } from "zod"
import { Policy } from "./client-frame.ts"
import { GuidePart, MessageKind } from "./message.ts"
import { lang, route } from "./route.ts"
import { ChatType } from "./session.ts"

export const Flow = z
  .object({
    flow_id: z.string().describe("A flow_id, or with `*` at the end the beginning of many."),
    chat_type: ChatType,
    name: z.string().nullable(),
    description: z.string().describe("What the bot is for."),
    guide: GuidePart.omit({ type: true }).describe("Words and questions to begin with."),
    kinds: z.array(MessageKind).describe("The messages that it takes."),
    commands: z
      .array(
        z.object({
          name: z.string().describe("Without the slash."),
          usage: z.string().describe("How it is written: `/title <words>`."),
          description: z.string(),
          of_bot: z
            .boolean()
            .describe("Becomes a turn of the bot (P3.10); others are answered by the service at once."),
        }),
      )
      .describe("Those that can be said in its chats."),
    policy: Policy.describe("For messages that name none (P6.3)."),
  })
  .meta({ id: "Flow" })
export type Flow = z.infer<typeof Flow>

export const flowRoutes = {
  listFlows: route("get", "/chat/flows", {
    summary: "List the bots that the caller may use",
    description:
      "In the order in which they are looked for: the first that fits a flow_id and a chat_type is taken (P6.21).",
    query: z.strictObject(lang),
    data: z.object({ items: z.array(Flow) }),
  }),
}
