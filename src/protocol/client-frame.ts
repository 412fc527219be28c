// What a client may say. Unknown keys are passed over, so that a newer client can speak to an older server.
import { z } from "zod"
import {
  ChatId,
  ClientId,
  Cursor,
  FileId,
  InputId,
  isText,
  isTooDeep,
  Json,
  MessageId,
  notText,
  Seq,
  Text,
  TraceId,
  TurnId,
  tooDeep,
} from "./ids.ts"
import { ForeignFile } from "./message.ts"

/** What to do when turns are open (P6.3). */
export const Policy = z.enum(["enqueue", "reject", "interrupt", "merge", "latest"]).meta({ id: "Policy" })
export type Policy = z.infer<typeof Policy>

const said = {
  /** The flow's when left out. */
  policy: Policy.optional(),
  /** The last `seq` that the person had seen: if more was said since, the message is refused with `conflict` (P3.6). */
  base_seq: Cursor.optional(),
  /** The `id`s of messages that the sender said before this one: if one of them is not there, this one is refused (P3.7). */
  after: z.array(ClientId).max(64).optional(),
  /** Free JSON of the client, at most 4,096 characters as text. */
  extra: Text.max(4096).optional(),
}

/**
 * What the message follows, when it does not go on from the session's `head`: an answer, or null to begin anew. So an earlier
 * message is said again in other words, as a branch beside it, with that one's `reply_to` (P6.12).
 */
const reply_to = MessageId.nullable().optional()

/** What answers a question of the bot. */
export const Answer = Json.refine(holdsText, notText)

/** The same in a schema that does not contain itself: with one that does, zod looks for cycles in all that is said. */
const AnswerInFrame = z
  .custom<Json>((value) => Json.safeParse(value).success, {
    error: ({ input }) => (isTooDeep(input) ? tooDeep.message : undefined),
  })
  // As it is read: without `__proto__`.
  .transform((value) => Json.parse(value))
  .refine(holdsText, notText)

export const SaidText = z.object({ kind: z.literal("text"), text: Text.min(1), reply_to, ...said })
export const SaidFile = z.object({
  kind: z.literal("file"),
  /** Uploaded ones by their `file_id` (`POST /chat/file`), or such as lie elsewhere. */
  files: z
    .array(z.union([z.object({ file_id: FileId }), ForeignFile]))
    .min(1)
    .max(10),
  text: Text.default(""),
  reply_to,
  ...said,
})
export const SaidCommand = z.object({ kind: z.literal("command"), command: Text.min(1), ...said })
const SaidInput = z.object({
  kind: z.literal("input"),
  /** Which question; the open one when left out. */
  input_id: InputId.optional(),
  answer: AnswerInFrame,
  ...said,
})

/** Another text for a message that still waits in line (P6.10). */
export const SaidEdit = z.object({
  kind: z.literal("edit"),
  message_id: MessageId,
  text: Text.min(1),
  /** As of when the person knows the message: if it was changed since, the edit is refused with `conflict`. */
  base_seq: Cursor.optional(),
})
/** What the person thinks of an answer (P6.11); what is left out stays as it is. */
export const SaidFeedback = z
  .object({
    kind: z.literal("feedback"),
    message_id: MessageId,
    /** 0 = no opinion, 1 = liked, 2 = disliked. */
    liked: z.int().min(0).max(2).optional(),
    /** "" takes it away. */
    comment: Text.max(2000).optional(),
    copied: z.literal(true).optional(),
  })
  .refine(
    ({ liked, comment, copied }) => (liked ?? comment ?? copied) !== undefined,
    "liked, comment or copied is needed",
  )
/** The question is answered once more, as a branch beside the answer that there is (P6.12). */
export const SaidRegenerate = z.object({
  kind: z.literal("regenerate"),
  /** The answer, or its question; those of the last turn on the branch when left out. */
  message_id: MessageId.optional(),
  policy: Policy.optional(),
})
/** The conversation goes on from this message, null: from none; nothing is taken away (P6.12). */
export const SaidSwitch = z.object({ kind: z.literal("switch"), message_id: MessageId.nullable() })

/** Is every string in it, names included, one that can be kept? */
function holdsText(value: unknown): boolean {
  if (typeof value === "string") return isText(value)
  if (typeof value !== "object" || value === null) return true
  return Object.entries(value).every(([name, inner]) => isText(name) && holdsText(inner))
}

/** A message without `kind` is text, as in the seed. */
export const Said = z.preprocess(
  (data) => (typeof data === "object" && data !== null && !("kind" in data) ? { ...data, kind: "text" } : data),
  z.discriminatedUnion("kind", [
    SaidText,
    SaidFile,
    SaidCommand,
    SaidInput,
    SaidEdit,
    SaidFeedback,
    SaidRegenerate,
    SaidSwitch,
  ]),
)
export type Said = z.infer<typeof Said>

const envelope = {
  trace_id: TraceId.optional(),
  /** Idempotency key; with it the frame is answered by `ack` or by `error` with the same `id`. */
  id: ClientId.optional(),
  /** The URL's chat when left out. */
  chat_id: ChatId.optional(),
}

const nothing = z.object({}).default({})

export const ClientFrame = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("start"),
      data: z
        .object({
          cursor: Cursor.optional(),
          epoch: z.string().max(64).optional(),
          /** message_id -> how much of its text the client has, in UTF-16 units. */
          offsets: z.record(MessageId, z.int().min(0)).optional(),
        })
        .default({}),
      ...envelope,
    }),
    z.object({ type: z.literal("message"), data: Said, ...envelope }),
    z.object({
      type: z.literal("status"),
      /** With `typing` it asks for nothing, but tells the other devices (P5.10). */
      data: z.object({ typing: z.boolean().optional() }).default({}),
      ...envelope,
    }),
    z.object({
      type: z.literal("interrupt"),
      data: z.object({ turn_id: TurnId.optional() }).default({}),
      ...envelope,
    }),
    z.object({ type: z.literal("end"), data: nothing, ...envelope }),
    z.object({ type: z.literal("ack"), data: z.object({ seq: Seq }), ...envelope }),
    z.object({ type: z.literal("ping"), data: nothing, ...envelope }),
    z.object({ type: z.literal("pong"), data: nothing, ...envelope }),
    z.object({ type: z.literal("auth"), data: z.object({ token: z.string().min(1).max(8192) }), ...envelope }),
  ])
  .meta({ id: "ClientFrame" })
export type ClientFrame = z.infer<typeof ClientFrame>
export type ClientFrameOf<T extends ClientFrame["type"]> = Extract<ClientFrame, { type: T }>
/** What a client writes: defaults may be left out. */
export type ClientFrameInput = z.input<typeof ClientFrame>
