// Logged events as frames. Live frames and replayed ones are made here, so that they are the same (P4.1).
import type { Message } from "../protocol/message.ts"
import type { ServerFrame, Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { OpenTurn, Question, TurnOver } from "../protocol/turn.ts"
import type { ChatState, LoggedEvent } from "../store/events.ts"
import type { InputRow, TurnRow } from "../store/schema.ts"

/** A frame that is kept: it has its place. */
export type DurableFrame = ServerFrame & { readonly seq: number }

export function isDurable(frame: ServerFrame): frame is DurableFrame {
  return "seq" in frame && frame.seq !== undefined
}

export function frameOf(chat_id: string, { event, message }: LoggedEvent): DurableFrame {
  const envelope = { trace_id: event.trace_id, chat_id, seq: event.seq }
  switch (event.kind) {
    case "message":
    case "result": {
      if (!message) throw new Error(`event ${event.session_id}/${event.seq} has no message`)
      return { type: event.kind, data: shown(message), ...envelope }
    }
    // The data of the others was written by chat/emit as the frame's own.
    case "status":
      return { type: "status", data: event.data as Status, ...envelope }
    case "interrupt":
      return { type: "interrupt", data: event.data as Extract<ServerFrame, { type: "interrupt" }>["data"], ...envelope }
    case "end":
      return { type: "end", data: event.data as TurnOver, ...envelope }
  }
}

/** A deleted message keeps its place and shows nothing (P4.3). */
export function shown(message: Message): Message {
  if (!message.deleted_at) return message
  return { ...message, message: null, parts: [], extra: null, comment: null, usage: null }
}

export function openTurnOf(turn: TurnRow): OpenTurn {
  return {
    turn_id: turn.id,
    message_id: turn.message_id,
    ...(turn.merged ? { merged: turn.merged } : {}),
    state: turn.state === "running" ? "running" : "queued",
    create_time: turn.create_time,
  }
}

export function questionOf(input: InputRow): Question {
  const { id, turn_id, prompt, fields, create_time, expires_at } = input
  return { input_id: id, turn_id, prompt, fields, create_time, expires_at }
}

export interface ChatView {
  readonly session: Session
  readonly turns: readonly OpenTurn[]
  readonly question: Question | null
}

const none: readonly never[] = []

/** The state of a chat as the store has it. */
export function viewOf({ session, turns, question }: ChatState): ChatView {
  return {
    session,
    // The first in line counts as running, as it does after an event (chat/fold.ts): should nobody have taken it yet,
    // somebody is about to, and no event tells of it.
    turns:
      turns.length === 0
        ? none
        : turns.map(openTurnOf).map((turn, place) => (place === 0 ? { ...turn, state: "running" } : turn)),
    question: question && questionOf(question),
  }
}

export function statusOf({ session, turns, question }: ChatView, changed: Status["changed"] = []): Status {
  const { state, lifecycle, topic, logo, head } = session
  return { state, lifecycle, topic, logo, turns: [...turns], question, head, changed }
}
