// A session is one conversation of one user with one bot. `chat_id` is its name, `id` (ses_...) its key.
import { z } from "zod"
import { ChatId, FlowId, MessageId, SessionId, Text, Timestamp, UserId } from "./ids.ts"

export const ChatType = z.enum(["NORMAL", "WORKFLOW", "ASSISTANT", "LINSIGHT"]).meta({ id: "ChatType" })
export type ChatType = z.infer<typeof ChatType>

/** What the bot is doing (the seed's session states). Transitions: chat/state.ts. */
export const SessionState = z
  .enum(["initialized", "running", "waiting_input", "completed", "interrupted", "ended"])
  .meta({ id: "SessionState" })
export type SessionState = z.infer<typeof SessionState>

/** What the person is doing (the seed's session lifecycle). */
export const Lifecycle = z.enum(["created", "active", "paused", "ended"]).meta({ id: "Lifecycle" })
export type Lifecycle = z.infer<typeof Lifecycle>

export const Topic = Text.max(200)
export const Logo = Text.max(500)

const number = z.int().min(0)
/** Answers that are liked, that are disliked, that were copied; what is deleted is not counted. */
export const Counters = z.object({ likes: number, dislikes: number, copies: number })
export type Counters = z.infer<typeof Counters>

export const Session = z
  .object({
    id: SessionId,
    user_id: UserId,
    chat_id: ChatId,
    flow_id: FlowId,
    chat_type: ChatType,
    topic: Topic.nullable(),
    logo: Logo.nullable(),
    state: SessionState,
    lifecycle: Lifecycle,
    /** The last message of the branch that the conversation goes on from (P6.12); null: it begins anew. */
    head: MessageId.nullable(),
    ...Counters.shape,
    /** Up to where its owner has read, on whatever device (P7.7). */
    read_seq: z.int().min(0),
    /** The highest `seq` of the chat; 0 = no event yet. */
    last_seq: z.int().min(0),
    /** Changes when the log is no longer the one a cursor was taken from (restored from a backup). */
    epoch: z.string(),
    create_time: Timestamp,
    update_time: Timestamp,
    deleted_at: Timestamp.nullable(),
  })
  .meta({ id: "Session" })
export type Session = z.infer<typeof Session>
