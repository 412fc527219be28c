// What a bot is: it yields events and obeys `signal`. Numbering, storing, publishing and stopping are not its business.
import { z } from "zod"
import type { Clock } from "../clock.ts"
import type { Language } from "../language/language.ts"
import type { Log } from "../log.ts"
import { Fields } from "../protocol/form.ts"
import { Json } from "../protocol/ids.ts"
import type { Message } from "../protocol/message.ts"
import { CitationPart, FilePart, GuidePart, StepPart, SuggestionsPart, ToolPart, Usage } from "../protocol/message.ts"
import type { Session } from "../protocol/session.ts"
import type { Question } from "../protocol/turn.ts"
import type { Files } from "./files.ts"
import type { GraphCheckpoints } from "./graph-checkpoints.ts"

// A plug-in needs no other import than this file, as "bisheng-chat/handler".
export { z } from "zod"
export { ChatError } from "../errors.ts"

/** What a handler may yield. */
export const HandlerEvent = z.discriminatedUnion("type", [
  /** A piece of the answer; pieces are joined without anything between. */
  z.object({ type: z.literal("text"), text: z.string() }),
  /** A piece of the thinking before the answer. */
  z.object({ type: z.literal("reasoning"), text: z.string() }),
  /** A tool call began or ended; the last event of a `tool_call_id` holds. */
  z.object({ type: z.literal("tool"), tool: ToolPart.omit({ type: true }) }),
  /** A step of the work began or ended; the last event of a `step_id` holds. */
  z.object({ type: z.literal("step"), step: StepPart.omit({ type: true }) }),
  /** Ends the turn as waiting_input; nothing may follow. The answer starts the next turn with `checkpoint`. */
  z.object({
    type: z.literal("question"),
    prompt: z.string().min(1),
    /** What is asked for; without fields, any text. The answer is checked before the handler sees it. */
    fields: Fields.default([]),
    /** Seconds; a question that nobody answered in that time is closed. */
    expires_in_s: z.number().positive().max(31_536_000).optional(),
  }),
  /**
   * Takes back what was said as text from `offset` on (UTF-16 units) and says this in its place: for an engine that knows in
   * the end what it should have streamed.
   */
  z.object({ type: z.literal("rewrite"), offset: z.int().min(0), text: z.string() }),
  /** Where something comes from; the last event of a `citation_id` holds. */
  z.object({ type: z.literal("citation"), citation: CitationPart.omit({ type: true }) }),
  /** Words and questions to begin with; the last one holds. */
  z.object({ type: z.literal("guide"), guide: GuidePart.omit({ type: true }) }),
  /** What the person may want to ask next; the last one holds. */
  z.object({ type: z.literal("suggestions"), questions: SuggestionsPart.shape.questions }),
  /** A file for the person: one of `files.save`, or one that lies elsewhere. */
  z.object({ type: z.literal("file"), file: FilePart.omit({ type: true }) }),
  /** Stored with the message; the last one holds. */
  z.object({ type: z.literal("usage"), usage: Usage }),
  /** Names the conversation. */
  z.object({ type: z.literal("title"), title: z.string().min(1).max(200) }),
  /** What a later turn gets as `checkpoint`; replaces the one before. At most 2,000,000 bytes of JSON, of all bots in a chat. */
  z.object({ type: z.literal("checkpoint"), checkpoint: Json }),
])
export type HandlerEvent = z.input<typeof HandlerEvent>
/** As the service reads it: with what was left out. */
export type CheckedEvent = z.infer<typeof HandlerEvent>

/** What of an earlier message is context. */
export type Spoken = Pick<Message, "id" | "kind" | "message" | "parts">

/** One earlier exchange that is complete: asked, and answered to the end. */
export interface Exchange {
  readonly question: Spoken
  readonly answer: Spoken
}

export interface HandlerContext<Options = unknown> {
  readonly session: Session
  /** Of this turn, the same each time it is run. A message that is asked again has a turn for each time. */
  readonly turn_id: string
  /** What the person said now; files and answers are in its `parts`, a command, `/name words`, is its text. */
  readonly message: Message
  /** Earlier complete exchanges, oldest first, at most `max_history_messages` messages. */
  readonly history: readonly Exchange[]
  readonly options: Options
  /** What the chat still waits for: nothing that this message answered. Null: nothing. */
  readonly question: Question | null
  /** The last checkpoint that this handler yielded in this chat, else null. */
  readonly checkpoint: unknown
  /** The checkpoint is of this very turn: an earlier run left it, and this one is to go on from there. */
  readonly resuming: boolean
  /** 1, and more when an instance died while it ran this turn: runs since the last checkpoint that brought it on. */
  readonly attempt: number
  /** Aborts on stop, on shutdown, and when the flow's `timeout_s` is over. Return soon: what is yielded after it is dropped. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly language: Language
  /** Names the handler, the chat and the turn in each line. */
  readonly log: Log
  /** The files of messages that this chat's owner may read, and a place for those that the bot makes. */
  readonly files: Files
  /** Where a graph keeps its checkpoints, in the service's database. */
  readonly graphs: GraphCheckpoints
}

/** A command of a handler: `/name words` in its chats becomes a turn, with a `message` of kind `command`. */
export interface HandlerCommand {
  /** Lower case, without the slash. The service's own commands come first. */
  readonly name: string
  /** One line for people. */
  readonly description: string
}

export interface Handler<Schema extends z.ZodType = z.ZodType> {
  /** Named by the configuration. */
  readonly name: string
  /** One line for people. */
  readonly description: string
  /**
   * True: after a crash, or a shutdown that could not wait, the turn is run again, on another instance perhaps: `run` is
   * called with the last checkpoint, and what it said up to that stands; what came after it is taken back, and is to be said
   * again. Whatever it does besides speaking may happen twice. Else such a turn ends as interrupted, with its text kept.
   */
  readonly resumable?: boolean
  /** Listed for clients, and by /help. */
  readonly commands?: readonly HandlerCommand[]
  /** Validates the flow's `options` at start-up. */
  readonly options: Schema
  /** Throw a ChatError to end the turn as failed with a reason; anything else thrown becomes `handler_failed`. */
  run(context: HandlerContext<z.infer<Schema>>): AsyncIterable<HandlerEvent>
  /** Lets go of what it keeps open between turns: processes, connections. Called once, when the service stops. */
  close?(): Promise<void>
}

/** Gives a handler its types; use it as the default export of a plug-in module. */
export function defineHandler<Schema extends z.ZodType>(handler: Handler<Schema>): Handler<Schema> {
  return handler
}
