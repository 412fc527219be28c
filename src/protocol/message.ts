// A message is what a person or a bot said, kept for good. Its text is in `message`; what is not text is in `parts`.
import { z } from "zod"
import { Fields } from "./form.ts"
import {
  ChatId,
  ClientId,
  FileId,
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

const MimeType = z
  .string()
  .regex(/^[\w.+-]+\/[\w.+-]+$/)
  .max(127)
/** A file that lies elsewhere, by its address. */
export const ForeignFile = z.object({
  name: Text.min(1).max(255),
  url: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .refine(isText, notText),
  mime_type: MimeType,
  /** Bytes. */
  size: z.int().min(0).optional(),
})
/** A file: kept here, with `file_id`, or elsewhere. */
export const FilePart = z.object({
  type: z.literal("file"),
  /** Of a file that was uploaded to this service, or that a bot made: `url` is then its path, `/chat/file/{file_id}`. */
  file_id: FileId.optional(),
  name: Text.min(1).max(255),
  url: z.union([ForeignFile.shape.url, z.string().regex(/^\/chat\/file\/fil_[0-9a-f]{32}$/)]),
  mime_type: MimeType,
  /** Bytes. */
  size: z.int().min(0).optional(),
  /** Of the content, hex; of files that are kept here. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
})
export type FilePart = z.infer<typeof FilePart>

export const ReasoningPart = z.object({ type: z.literal("reasoning"), text: z.string() })
export const ToolPart = z.object({
  type: z.literal("tool"),
  tool_call_id: z.string().min(1).max(128),
  name: z.string().min(1).max(128),
  /** `waiting`: a person is asked for approval first. `denied`: the person said no, and it was not called. */
  state: z.enum(["waiting", "running", "completed", "failed", "denied"]),
  input: Json.optional(),
  /** What it gave back; why it failed. */
  output: Json.optional(),
  /** The step that it belongs to. */
  parent_id: z.string().min(1).max(128).optional(),
})
export const StepPart = z.object({
  type: z.literal("step"),
  step_id: z.string().min(1).max(128),
  name: z.string().min(1).max(256),
  state: z.enum(["running", "completed", "failed"]),
  /** What there is to say about it: its result, why it failed. */
  detail: Json.optional(),
  /** The step that it is a part of. */
  parent_id: z.string().min(1).max(128).optional(),
})
export const InputPart = z.object({ type: z.literal("input"), input_id: z.string(), answer: Json })
export const QuestionPart = z.object({
  type: z.literal("question"),
  input_id: z.string(),
  prompt: z.string(),
  fields: Fields.optional(),
})
/** Where something in the answer comes from. */
export const CitationPart = z.object({
  type: z.literal("citation"),
  citation_id: z.string().min(1).max(128),
  title: Text.min(1).max(500),
  url: ForeignFile.shape.url.optional(),
  file_id: FileId.optional(),
  /** The words that are cited. */
  quote: Text.max(4000).optional(),
})
/** Words and questions to begin with. */
export const GuidePart = z.object({
  type: z.literal("guide"),
  words: Text.max(4000).optional(),
  questions: z.array(Text.min(1).max(500)).max(20).default([]),
})
/** What the person may want to ask next. */
export const SuggestionsPart = z.object({
  type: z.literal("suggestions"),
  questions: z.array(Text.min(1).max(500)).min(1).max(20),
})

/** What `progress` tells as `part`: all that has no kind of its own. */
export const OtherPart = z.discriminatedUnion("type", [FilePart, CitationPart, GuidePart, SuggestionsPart])
export type OtherPart = z.infer<typeof OtherPart>

export const Part = z
  .discriminatedUnion("type", [
    ...[FilePart, ReasoningPart, ToolPart, StepPart, InputPart, QuestionPart, CitationPart, GuidePart, SuggestionsPart],
  ] as const)
  .meta({ id: "Part" })
export type Part = z.infer<typeof Part>

export const Usage = z
  .object({
    input_tokens: z.int().min(0).optional(),
    output_tokens: z.int().min(0).optional(),
    reasoning_tokens: z.int().min(0).optional(),
    total_tokens: z.int().min(0).optional(),
    model: z.string().optional(),
    /** In the currency of the configuration's prices. */
    cost: z.number().min(0).optional(),
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
    /**
     * What it follows. A bot's message: the question that it answers. A person's: the answer before it on its branch, which
     * may be one that was never given; null: it begins a conversation (P6.12).
     */
    reply_to: MessageId.nullable(),
    /** 0 = no opinion, 1 = liked, 2 = disliked. */
    liked: z.int().min(0).max(2),
    /** What the person says about the answer. */
    comment: z.string().nullable(),
    /** The person copied it. */
    copied: z.boolean(),
    usage: Usage.nullable(),
    create_time: Timestamp,
    deleted_at: Timestamp.nullable(),
  })
  .meta({ id: "Message" })
export type Message = z.infer<typeof Message>
