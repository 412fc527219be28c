// What a chat tells its listeners: name of the event -> arguments of the listener.
import type { Message } from "../protocol/message.ts"
import type { Read, ServerFrameOf, Status, TypingUsers } from "../protocol/server-frame.ts"
import type { TurnOver } from "../protocol/turn.ts"
import type { AnswerNews } from "./answers.ts"
import type { ConnectionState } from "./connection.ts"
import type { Emitter } from "./emitter.ts"
import type { ClientError } from "./error.ts"
import type { Snapshot } from "./follower.ts"
import type { DurableEvent } from "./frame.ts"

export interface ChatEvents {
  /** Somebody said something, on this device (then `message.client_id` is the id of the `send`) or on another. */
  message: [message: Message, event: ServerFrameOf<"message">]
  /** A piece of an answer, or the state of a tool or step. */
  progress: [news: AnswerNews]
  /** The answer in full; replaces what `progress` built up for `message.id`. */
  result: [message: Message, event: ServerFrameOf<"result">]
  /** A turn is over. */
  end: [end: TurnOver, event: ServerFrameOf<"end">]
  /** Somebody stops a turn. */
  interrupt: [interrupt: ServerFrameOf<"interrupt">["data"], event: ServerFrameOf<"interrupt">]
  /** The session changed (`changed` says what), or `status()` was asked. */
  status: [status: Status, event: ServerFrameOf<"status">]
  /** Who is writing now, on other devices; nobody: an empty list. */
  typing: [users: TypingUsers]
  /** The person has read up to there, on this device or another; `session.read_seq` says it too. */
  read: [read: Read]
  /** The chat as it is: at the first join, and when the log could not be continued. Show this instead of what was shown. */
  snapshot: [snapshot: Snapshot]
  connection: [state: ConnectionState]
  /** Faults that belong to no promise. The client goes on, unless the connection is then `closed`. */
  error: [error: ClientError]
}

/** What `for await` gives: the log in order, and a snapshot where it could not be continued. */
export type ChatEvent = DurableEvent | { readonly type: "snapshot"; readonly data: Snapshot }

/** Calls those who listen to events of this type. */
export function tell(emitter: Emitter<ChatEvents>, event: DurableEvent): void {
  switch (event.type) {
    case "message":
      emitter.emit("message", event.data, event)
      break
    case "result":
      emitter.emit("result", event.data, event)
      break
    case "end":
      emitter.emit("end", event.data, event)
      break
    case "status":
      emitter.emit("status", event.data, event)
      break
    case "interrupt":
      emitter.emit("interrupt", event.data, event)
      break
  }
}
