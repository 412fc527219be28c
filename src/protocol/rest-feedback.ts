// REST: what a person thinks of an answer (P6.11).
import { z } from "zod"
import { SaidFeedback } from "./client-frame.ts"
import { ClientId, Seq } from "./ids.ts"
import { owned, route, SessionRef } from "./route.ts"

const { message_id, liked, comment, copied } = SaidFeedback.shape
const opinion = { liked: liked.unwrap(), comment: comment.unwrap(), copied: copied.unwrap() }

export const Feedback = z
  .object({
    chat_id: SessionRef,
    message_id: message_id.describe("The answer."),
    liked: opinion.liked.exactOptional().describe("0 = no opinion, 1 = liked, 2 = disliked."),
    comment: opinion.comment.exactOptional().describe('"" takes it away.'),
    copied: opinion.copied.exactOptional(),
    client_id: ClientId.exactOptional().describe("The same id is the same feedback, as with a frame's id (P3.3)."),
  })
  .refine(
    ({ liked, comment, copied }) => (liked ?? comment ?? copied) !== undefined,
    "liked, comment or copied is needed",
  )

export const feedbackRoutes = {
  feedback: route("post", "/chat/message/feedback", {
    summary: "Say what you think of an answer",
    description: "What is left out stays as it is. The chat's clients are told (P6.11).",
    query: z.strictObject(owned),
    body: Feedback,
    data: z.object({
      seq: Seq.nullable().describe("Of the event that tells it; null: it was so before."),
      dup: z.boolean(),
    }),
    errors: ["not_found", "id_conflict", "draining"],
  }),
}
