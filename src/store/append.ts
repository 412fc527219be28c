// One append = one atomic change of one chat: its events, the rows they speak of, and what must hold for it to happen.
import type { Message } from "../protocol/message.ts"
import type { Lifecycle, SessionState } from "../protocol/session.ts"
import type { TurnEnd } from "../protocol/turn.ts"
import type { EventRow, InputRow, TurnRow } from "./schema.ts"

/** A message before its place is known. */
export type NewMessage = Omit<Message, "seq"> & {
  /**
   * Which answer it follows, where only the commit can tell: the one that the conversation has come to, or the one in which
   * the question of this `input_id` was asked. `reply_to` is then filled in.
   */
  readonly follows?: "head" | (string & {})
}

export interface NewEvent {
  readonly kind: EventRow["kind"]
  readonly ref: string | null
  /** The frame's data. The body of `message` and `result` is in the message; see `events.data` of the schema. */
  readonly data: unknown
}

export interface NewTurn {
  readonly id: string
  readonly message_id: string
  /** Further messages that belong to the question. */
  readonly merged?: readonly string[] | null
  readonly answer_id: string
  readonly language: string
  /** Taken when the chat is idle: then the turn is running at once, under this lease. */
  readonly instance: string
  readonly lease_expires_at: number | null
}

export interface EndTurn {
  readonly id: string
  readonly state: TurnEnd
  readonly error: TurnRow["error"]
  /** Undefined: the handler said nothing new, and what it said before holds. */
  readonly checkpoint?: unknown
}

/** What must hold in the moment of the commit; else nothing of the append happens. */
export interface Guard {
  /** Not seen before (P3.3). */
  readonly once?: { readonly user_id: number; readonly client_id: string }
  /** The session has not ended (P6.6). */
  readonly open?: true
  /** The turn runs under this generation: a deposed instance writes nothing. */
  readonly fence?: { readonly turn_id: string; readonly generation: number }
  /** The turn is open and nobody asked for its stop yet. */
  readonly stoppable?: string
  /** The turn waits in line. */
  readonly queued?: string
  /** The turn waits in line with a question of this person, said in the same role, that answers none of the bot's and was not asked before. */
  readonly joinable?: { readonly turn_id: string; readonly user_id: number; readonly role: "user" | "admin" }
  /** The open turns are exactly these. */
  readonly line?: readonly string[]
  /** Nobody, person or bot, said anything after this place (P3.6). */
  readonly base_seq?: number
  /** These messages of the same person are there (P3.7). */
  readonly after?: { readonly user_id: number; readonly client_ids: readonly string[] }
  /** Nothing about this message was changed after this place. */
  readonly untouched?: { readonly ref: string; readonly since: number }
  /** No edit or rating was made under this id (P3.3). */
  readonly revised_once?: string
  /** The session has no topic (P6.17). */
  readonly untitled?: true
  /** The question is open, and its time is not over (P6.7, P6.14). */
  readonly question?: string
  /** This is an answer of the chat, of a turn that gave it or was to give it (P6.12). */
  readonly answer?: string
  /** At most so many turns are open (P6.3). */
  readonly max_open_turns?: number
}

export interface Append {
  readonly session_id: string
  /**
   * It is a question at the end of the line and nothing else: one event, a message that follows the head, its turn, `head` and
   * `lifecycle` of the session, and of guards `open`, `once` and `max_open_turns`. Several of these in a row are one change.
   */
  readonly plain?: true
  readonly trace_id: string
  readonly create_time: string
  readonly guard: Guard
  /** In order; they take the next places in the chat. At least one. */
  readonly events: readonly NewEvent[]
  /** Each belongs to the event of the same `ref`. */
  readonly messages: readonly NewMessage[]
  readonly new_turn?: NewTurn
  readonly end_turn?: EndTurn
  /** After `end_turn`: take the next in line, under this lease. */
  readonly claim?: Pick<NewTurn, "instance" | "lease_expires_at">
  /** Turns that end without having run: all of them must wait. */
  readonly drop_turns?: readonly string[]
  /** The message joins the question of a turn that waits. */
  readonly merge?: { readonly turn_id: string; readonly message_id: string }
  readonly edit_message?: Pick<NewMessage, "id" | "message" | "parts">
  /** Somebody's opinion of a message that is there; what is left out stays as it is. */
  readonly rate_message?: {
    readonly id: string
    readonly liked?: number | undefined
    readonly comment?: string | null | undefined
    readonly copied?: true | undefined
  }
  /** Keeps the wish to stop a turn, so that it survives a crash. */
  readonly stop_turn?: string
  readonly new_input?: Pick<InputRow, "id" | "turn_id" | "prompt" | "fields" | "expires_at">
  /** Given up: nobody is asked any more. */
  readonly close_question?: string
  readonly answer_input?: { readonly id: string; readonly message_id: string }
  /** Closes a question that nobody answered: it must be open, and its time over. */
  readonly expire_input?: string
  /** At least one of them must be there; what others deleted meanwhile is not deleted again. */
  readonly delete_messages?: readonly string[]
  readonly session?: {
    readonly state?: SessionState
    readonly lifecycle?: Lifecycle
    readonly topic?: string | null
    readonly logo?: string | null
    readonly deleted_at?: string
    readonly head?: string | null
    /** The head is moved only if it is this question, and if nobody has it answered once more. */
    readonly head_from?: string
  }
}
