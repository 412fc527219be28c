// What a chat's events add up to: its state after one more of them. The store's statements say the same in SQL.
import { timestamp } from "../clock.ts"
import type { Message } from "../protocol/message.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { OpenTurn, Question, TurnOver } from "../protocol/turn.ts"
import type { ChatView, DurableFrame } from "./frames.ts"
import { afterTurn } from "./state.ts"

/** A state of one's own, its session as well, that is being brought up to date; the others share what they have. */
interface Fresh {
  readonly session: Session
  turns: readonly OpenTurn[]
  question: Question | null
}

export function fold({ session, turns, question }: ChatView, frame: DurableFrame, now: number): ChatView {
  const view: Fresh = { session: { ...session, last_seq: frame.seq }, turns, question }
  change(view, frame, now)
  return view
}

function change(view: Fresh, frame: DurableFrame, now: number): void {
  switch (frame.type) {
    case "message":
      said(view, frame.data)
      return
    case "result":
      answered(view, frame.data)
      return
    case "end":
      ended(view, frame.data)
      return
    case "status":
      told(view, frame.data, now)
      return
  }
}

function said(view: Fresh, message: Message): void {
  const { session, turns, question } = view
  const answers = (input_id: string) =>
    message.parts.some((part) => part.type === "input" && part.input_id === input_id)
  if (question && answers(question.input_id)) view.question = null
  if (!message.turn_id) return
  view.turns = withQuestion(turns, message.turn_id, message)
  session.state = "running"
  session.lifecycle = "active"
  // One that joins a question that waits makes the line no longer.
  if (view.turns.length > turns.length) session.head = message.id
}

/** The conversation goes on from its last answer, unless the person is on another branch by now, or asked once more (P6.12). */
function answered({ session, turns }: Fresh, { id, turn_id, reply_to }: Message): void {
  if (turn_id === null || session.head !== reply_to) return
  if (turns.some((turn) => turn.message_id === reply_to && turn.turn_id !== turn_id)) return
  session.head = id
}

/** A new turn, or one more message of a turn that waits. */
function withQuestion(
  turns: readonly OpenTurn[],
  turn_id: string,
  { id, create_time, merged }: Pick<Message, "id" | "create_time"> & Pick<OpenTurn, "merged">,
): readonly OpenTurn[] {
  if (!turns.some((turn) => turn.turn_id === turn_id)) {
    const turn = { turn_id, message_id: id, state: turns.length === 0 ? "running" : "queued", create_time } as const
    return [...turns, merged ? { ...turn, merged } : turn]
  }
  return turns.map((turn) => (turn.turn_id === turn_id ? { ...turn, merged: [...(turn.merged ?? []), id] } : turn))
}

function ended(view: Fresh, over: TurnOver): void {
  const { session } = view
  view.turns = view.turns
    .filter(({ turn_id }) => turn_id !== over.turn_id)
    .map((turn, place) => (place === 0 ? { ...turn, state: "running" as const } : turn))
  view.question = over.question ?? view.question
  if (session.state === "ended") return
  // An open question is waited for, also when a turn between did not ask it.
  const resting = view.question ? "waiting_input" : afterTurn(over.state)
  session.state = view.turns.length > 0 ? "running" : resting
}

function told(view: Fresh, status: Status, now: number): void {
  const { session } = view
  const is = (field: Status["changed"][number]) => status.changed.includes(field)
  if (is("state")) session.state = status.state
  if (is("lifecycle")) session.lifecycle = status.lifecycle
  if (is("topic")) session.topic = status.topic
  if (is("logo")) session.logo = status.logo
  if (is("branch")) session.head = status.head
  Object.assign(session, status.counters)
  if (is("deleted")) session.deleted_at = timestamp(now)
  if (is("turns")) view.turns = status.turns
  if (is("question")) view.question = status.question
  if (session.state === "ended") view.question = null
  if (status.regenerated) regenerated(view, status.regenerated)
}

/** A question is asked once more: a turn without a message of its own. */
function regenerated(view: Fresh, { turn_id, message_id: id, ...of }: NonNullable<Status["regenerated"]>): void {
  view.session.state = "running"
  view.session.lifecycle = "active"
  view.turns = withQuestion(view.turns, turn_id, { id, ...of })
}
