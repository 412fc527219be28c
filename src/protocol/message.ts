// A message is what a person or a bot said, kept for good. Its text is in `message`; what is not text is in `parts`.
import { z } from "zod"
import {
  ChatId,
  ClientId,
  FlowId,
  isText,
  Json,
  MessageId,
  notText,
  Seq,
  SessionId,
  Text,
  Timestamp,
  TurnId,
  UserId,
} from "./ids.ts"
import { ChatType } from "./session.ts"

export const MessageKind = z.enum(["text", "file", "command", "input"]).meta({ id: "MessageKind" })
export type MessageKind = z.infer<typeof MessageKind>

/** How a message came to its end; a person's message is always `completed`. */
export const MessageState = z.enum(["completed", "interrupted", "failed"]).meta({ id: "MessageState" })
export type MessageState = z.infer<typeof MessageState>

export const FilePart = z.object({
  type: z.literal("file"),
  name: Text.min(1).max(255),
  url: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .refine(isText, notText),
  mime_type: z
    .string()
    .regex(/^[\w.+-]+\/[\w.+-]+$/)
    .max(127),
  /** Bytes. */
  size: z.int().min(0).optional(),
})
export type FilePart = z.infer<typeof FilePart>

export const ReasoningPart = z.object({ type: z.literal("reasoning"), text: z.string() })
export const ToolPart = z.object({
  type: z.literal("tool"),
  tool_call_id: z.string().min(1).max(128),
  name: z.string().min(1).max(128),
  state: z.enum(["running", "completed", "failed"]),
  input: Json.optional(),
  output: Json.optional(),
})
export const StepPart = z.object({
  type: z.literal("step"),
  step_id: z.string().min(1).max(128),
  name: z.string().min(1).max(256),
  state: z.enum(["running", "completed", "failed"]),
})
export const InputPart = z.object({ type: z.literal("input"), input_id: z.string(), answer: Json })
export const QuestionPart = z.object({ type: z.literal("question"), input_id: z.string(), prompt: z.string() })

export const Part = z
  .discriminatedUnion("type", [FilePart, ReasoningPart, ToolPart, StepPart, InputPart, QuestionPart])
  .meta({ id: "Part" })
export type Part = z.infer<typeof Part>

export const Usage = z
  .object({
    input_tokens: z.int().min(0).optional(),
    output_tokens: z.int().min(0).optional(),
    reasoning_tokens: z.int().min(0).optional(),
    total_tokens: z.int().min(0).optional(),
    model: z.string().optional(),
  })
  .meta({ id: "Usage" })
export type Usage = z.infer<typeof Usage>

export const Message = z
  .object({
    id: MessageId,
    session_id: SessionId,
    chat_id: ChatId,
    flow_id: FlowId,
    chat_type: ChatType,
    /** Who wrote it; for a bot's message, whom it answers. */
    user_id: UserId,
    is_bot: z.boolean(),
    kind: MessageKind,
    state: MessageState,
    /** The text; null when the message was deleted. */
    message: z.string().nullable(),
    parts: z.array(Part),
    /** Free JSON of the client, kept and given back. */
    extra: z.string().nullable(),
    /** Where it came from: 0 = chat. */
    source: z.int(),
    seq: Seq,
    turn_id: TurnId.nullable(),
    client_id: ClientId.nullable(),
    reply_to: MessageId.nullable(),
    /** 0 = no opinion, 1 = liked, 2 = disliked. */
    liked: z.int().min(0).max(2),
    usage: Usage.nullable(),
    create_time: Timestamp,
    deleted_at: Timestamp.nullable(),
  })
  .meta({ id: "Message" })
export type Message = z.infer<typeof Message>
