// What the server says. Frames with `seq` are durable: kept, replayed, the same for every client.
import { z } from "zod"
import { ErrorBody } from "./error.ts"
import { ChatId, ClientId, Cursor, MessageId, Seq, Timestamp, TurnId, UserId } from "./ids.ts"
import { Message, OtherPart, StepPart, ToolPart } from "./message.ts"
import { Counters, Lifecycle, Session, SessionState } from "./session.ts"
import { OpenTurn, Question, TurnOver } from "./turn.ts"

/** The devices that look at the chat, on all instances, and whose they are: of the moment (P5.9). */
export const Here = z.object({
  devices: z.int().min(0),
  /** At most 50 are named. */
  users: z.array(z.object({ user_id: UserId, devices: z.int().min(1) })),
})
export type Here = z.infer<typeof Here>

/** The other devices that somebody is writing on just now, and whose they are (P5.10). At most 50 users are named. */
export const TypingUsers = z.array(z.object({ user_id: UserId, devices: z.int().min(1) }))
export type TypingUsers = z.infer<typeof TypingUsers>

/** Up to where the owner of the chat has read, on whatever device (P5.11). */
export const Read = z.object({ user_id: UserId, seq: Cursor })
export type Read = z.infer<typeof Read>

/** Whether what the instance stands on is there. `away`: see P7.8. `none`: it works alone, without a bus. */
export const Service = z.object({ store: z.enum(["ok", "away"]), bus: z.enum(["ok", "away", "none"]) })
export type Service = z.infer<typeof Service>

/** The head of a replay: what follows are the events after `from`, up to `top`, then `replayed`. */
export const Joined = z.object({
  session: Session,
  /** True: every event after the cursor follows. False: the cursor could not be used, `snapshot` is the chat as it is. */
  recovered: z.boolean(),
  from: Cursor,
  top: Cursor,
  epoch: z.string(),
  instance: z.string(),
  /** Only when not recovered: the last `max_history_messages` messages, oldest first. */
  snapshot: z.array(Message).optional(),
  turns: z.array(OpenTurn),
  question: Question.nullable(),
  here: Here,
})
export type Joined = z.infer<typeof Joined>
export const Replayed = z.object({ replayed: Cursor })

const progress = {
  turn_id: TurnId,
  message_id: MessageId,
  /** Which run of the turn says this; the first when left out. A higher one takes back what lower ones said (P6.9). */
  generation: z.int().min(2).optional(),
}
export const Progress = z.discriminatedUnion("kind", [
  z.object({
    kind: z.enum(["text", "reasoning"]),
    ...progress,
    /** Length of what went before, in UTF-16 units; text and reasoning count apart. */
    offset: z.int().min(0),
    text: z.string(),
    /** What was said from `offset` on is taken back, and this said in its place (P6.1). */
    rewrite: z.literal(true).optional(),
  }),
  z.object({ kind: z.literal("tool"), ...progress, tool: ToolPart }),
  z.object({ kind: z.literal("step"), ...progress, step: StepPart }),
  /** Another part of the message; the last word for a `part_id` holds (P6.2). */
  z.object({ kind: z.literal("part"), ...progress, part_id: z.string(), part: OtherPart }),
])
export type Progress = z.infer<typeof Progress>

/** The whole state when asked for; in a durable frame, `changed` names what is new. */
export const Status = z.object({
  state: SessionState,
  lifecycle: Lifecycle,
  topic: z.string().nullable(),
  logo: z.string().nullable(),
  turns: z.array(OpenTurn),
  question: Question.nullable(),
  head: MessageId.nullable(),
  changed: z.array(
    z.enum(["state", "lifecycle", "topic", "logo", "turns", "question", "branch", "messages", "deleted"]),
  ),
  /** With `changed: ["messages"]`: these were deleted. */
  deleted_messages: z.array(MessageId).optional(),
  /** With `changed: ["messages"]`: this one, which waits in line, has another text now. */
  edited_message: z.object({ message_id: MessageId, message: z.string() }).optional(),
  /** With `changed: ["messages"]`: what the person thinks of this answer now; what is left out is as before. */
  feedback: z
    .object({
      message_id: MessageId,
      liked: z.int().min(0).max(2).optional(),
      comment: z.string().nullable().optional(),
      copied: z.literal(true).optional(),
    })
    .optional(),
  /** With `feedback` and `deleted_messages`: of the session, as they are now (P6.11). */
  counters: Counters.optional(),
  /** With `changed: ["branch"]`: this question, and what joined it, is answered once more, in this turn (P6.12). */
  regenerated: z
    .object({ message_id: MessageId, merged: z.array(MessageId).optional(), turn_id: TurnId, create_time: Timestamp })
    .optional(),
  /** The `id` of the frame that asked for the edit or the feedback; it stays when the text is gone (P4.3). */
  client_id: ClientId.optional(),
  /** Not in durable frames: who is here now. */
  here: Here.optional(),
  /** Not in durable frames: who is writing now. */
  typing: TypingUsers.optional(),
  /** Not in durable frames: what has been read now. */
  read: Read.optional(),
  /** In the answer to `status`: how the instance is doing. */
  service: Service.optional(),
})
export type Status = z.infer<typeof Status>

export const InterruptResult = z.enum(["requested", "confirmed", "too_late"]).meta({ id: "InterruptResult" })
export type InterruptResult = z.infer<typeof InterruptResult>

const envelope = { trace_id: z.string() }
const ofChat = { ...envelope, chat_id: ChatId }
const durable = { ...ofChat, seq: Seq }

export const ServerFrame = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("start"), data: z.union([Joined, Replayed]), ...ofChat }),
    z.object({ type: z.literal("message"), data: Message, ...durable }),
    z.object({ type: z.literal("progress"), data: Progress, ...ofChat }),
    z.object({ type: z.literal("result"), data: Message, ...durable }),
    z.object({ type: z.literal("status"), data: Status, ...ofChat, seq: Seq.optional() }),
    z.object({
      type: z.literal("error"),
      data: ErrorBody,
      ...envelope,
      id: ClientId.optional(),
      chat_id: ChatId.optional(),
    }),
    z.object({
      type: z.literal("interrupt"),
      data: z.object({ turn_id: TurnId.nullable(), result: InterruptResult, by: UserId }),
      ...ofChat,
      seq: Seq.optional(),
    }),
    z.object({ type: z.literal("end"), data: TurnOver, ...durable }),
    z.object({
      type: z.literal("ack"),
      /** `seq` is null for a frame that leaves nothing in the log. */
      data: z.object({ id: ClientId, seq: Seq.nullable(), dup: z.boolean() }),
      ...ofChat,
      id: ClientId,
    }),
    /** `top`: the highest seq of each chat that this socket has joined. */
    z.object({ type: z.literal("ping"), data: z.object({ top: z.record(ChatId, Cursor) }), ...envelope }),
    z.object({ type: z.literal("pong"), data: z.object({}), ...envelope }),
    z.object({ type: z.literal("auth"), data: z.object({ expires_at: Timestamp }), ...envelope }),
  ])
  .meta({ id: "ServerFrame" })
export type ServerFrame = z.infer<typeof ServerFrame>
export type ServerFrameOf<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>
