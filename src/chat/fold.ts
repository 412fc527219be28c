// What a chat's events add up to: its state after one more of them. The store's statements say the same in SQL.
import { timestamp } from "../clock.ts"
import type { Message } from "../protocol/message.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { OpenTurn, TurnOver } from "../protocol/turn.ts"
import type { ChatView, DurableFrame } from "./frames.ts"
import { afterTurn } from "./state.ts"

export function fold(view: ChatView, frame: DurableFrame, now: number): ChatView {
  const after = changed(view, frame, now)
  return { ...after, session: { ...after.session, last_seq: frame.seq } }
}

function changed(view: ChatView, frame: DurableFrame, now: number): ChatView {
  switch (frame.type) {
    case "message":
      return said(view, frame.data)
    case "result":
      return answered(view, frame.data)
    case "end":
      return ended(view, frame.data)
    case "status":
      return told(view, frame.data, now)
    default:
      return view
  }
}

function said(view: ChatView, message: Message): ChatView {
  const answers = (input_id: string) =>
    message.parts.some((part) => part.type === "input" && part.input_id === input_id)
  const question = view.question && answers(view.question.input_id) ? null : view.question
  const { turn_id } = message
  if (!turn_id) return { ...view, question }
  const turns = withQuestion(view.turns, turn_id, message)
  // One that joins a question that waits makes the line no longer.
  const begins = turns.length > view.turns.length
  return {
    session: { ...view.session, state: "running", lifecycle: "active", ...(begins ? { head: message.id } : {}) },
    turns,
    question,
  }
}

/** The conversation goes on from its last answer, unless the person is on another branch by now, or asked once more (P6.12). */
function answered(view: ChatView, { id, turn_id, reply_to }: Message): ChatView {
  if (turn_id === null || view.session.head !== reply_to) return view
  if (view.turns.some((turn) => turn.message_id === reply_to && turn.turn_id !== turn_id)) return view
  return { ...view, session: { ...view.session, head: id } }
}

/** A new turn, or one more message of a turn that waits. */
function withQuestion(
  turns: readonly OpenTurn[],
  turn_id: string,
  { id, create_time, merged }: Pick<Message, "id" | "create_time"> & Pick<OpenTurn, "merged">,
): readonly OpenTurn[] {
  if (!turns.some((turn) => turn.turn_id === turn_id)) {
    const state = turns.length === 0 ? "running" : "queued"
    return [...turns, { turn_id, message_id: id, ...(merged ? { merged } : {}), state, create_time }]
  }
  return turns.map((turn) => (turn.turn_id === turn_id ? { ...turn, merged: [...(turn.merged ?? []), id] } : turn))
}

function ended(view: ChatView, over: TurnOver): ChatView {
  const turns = view.turns
    .filter(({ turn_id }) => turn_id !== over.turn_id)
    .map((turn, place) => (place === 0 ? { ...turn, state: "running" as const } : turn))
  const question = over.question ?? view.question
  if (view.session.state === "ended") return { ...view, turns, question }
  // An open question is waited for, also when a turn between did not ask it.
  const resting = question ? "waiting_input" : afterTurn(over.state)
  return { session: { ...view.session, state: turns.length > 0 ? "running" : resting }, turns, question }
}

function told(view: ChatView, status: Status, now: number): ChatView {
  const is = (field: Status["changed"][number]) => status.changed.includes(field)
  const session = {
    ...view.session,
    ...(is("state") ? { state: status.state } : {}),
    ...(is("lifecycle") ? { lifecycle: status.lifecycle } : {}),
    ...(is("topic") ? { topic: status.topic } : {}),
    ...(is("logo") ? { logo: status.logo } : {}),
    ...(is("branch") ? { head: status.head } : {}),
    ...status.counters,
    ...(is("deleted") ? { deleted_at: timestamp(now) } : {}),
  }
  const after = {
    session,
    turns: is("turns") ? status.turns : view.turns,
    question: session.state === "ended" ? null : is("question") ? status.question : view.question,
  }
  return status.regenerated ? regenerated(after, status.regenerated) : after
}

/** A question is asked once more: a turn without a message of its own. */
function regenerated(view: ChatView, { turn_id, message_id: id, ...of }: NonNullable<Status["regenerated"]>): ChatView {
  return {
    ...view,
    session: { ...view.session, state: "running", lifecycle: "active" },
    turns: withQuestion(view.turns, turn_id, { id, ...of }),
  }
}
