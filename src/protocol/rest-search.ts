// The route that finds what was said, and its words: what is asked, and what a hit shows.
import { z } from "zod"
import { ChatId, FlowId, MessageId, Seq, SessionId, Text, Timestamp } from "./ids.ts"
import { yesNo } from "./query.ts"
import { between, owned, page, pageOf, route, SessionRef } from "./route.ts"
import { Topic } from "./session.ts"

export const SearchQuery = z.strictObject({
  ...owned,
  q: Text.trim()
    .min(1)
    .max(200)
    .describe(
      "Words; a message is found that has all of them. A word is found by its beginning, a Chinese one anywhere.",
    ),
  chat_id: SessionRef.optional(),
  flow_id: FlowId.optional(),
  ...between,
  is_bot: yesNo.optional().describe("true: what bots said; false: what people said."),
  ...page,
})

export const Snippet = z
  .object({
    text: z.string().describe("A piece of the message, about where the first of the words is."),
    marks: z
      .array(z.tuple([z.int().min(0), z.int().min(0)]))
      .describe("Where the words are in it: from and to, in UTF-16 units."),
  })
  .meta({ id: "Snippet" })
export const Hit = z
  .object({
    session_id: SessionId,
    chat_id: ChatId,
    flow_id: FlowId,
    topic: Topic.nullable(),
    message_id: MessageId,
    seq: Seq,
    is_bot: z.boolean(),
    create_time: Timestamp,
    snippet: Snippet,
  })
  .meta({ id: "Hit" })

export const searchRoutes = {
  search: route("get", "/chat/search", {
    summary: "Find messages of one's own chats, the newest first",
    description:
      "A message is found about a second after it was said. A page may hold fewer than `limit`, or none, and have a `next_cursor` all the same.",
    query: SearchQuery,
    data: pageOf(Hit),
    errors: ["not_found", "rate_limited"],
  }),
}
