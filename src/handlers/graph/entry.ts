// How a turn of a graph begins: from what the turn before left, from what the person says, and from what an earlier run of it did.
import { ChatError } from "../../errors.ts"
import { say } from "../../language/language.ts"
import type { HandlerEvent } from "../handler.ts"
import { openOf, type Position, type Waiting } from "./position.ts"
import { answerIn } from "./question.ts"
import { ask, type Turn } from "./turn.ts"

/** With a new state, with answers to what was asked, or where the thread stands. */
export type Entry =
  | { readonly kind: "input" }
  | { readonly kind: "answers"; readonly waiting: Waiting; readonly from: Position }
  | { readonly kind: "on"; readonly from: Position | null }

/** Where a turn begins that nobody began before. Undefined: there is nothing to be run. */
export async function* entryOf(turn: Turn, position: Position | null): AsyncGenerator<HandlerEvent, Entry | undefined> {
  const { message, language, question } = turn.context
  // Of this handler there is one command, and the service takes it for one however it is written.
  const anew = message.kind === "command"
  if (anew || position === null || position.state === "done" || position.state === "running") {
    // Its end is stored, and nobody comes back to it: a branch goes on where a question was asked, or something failed.
    if (position?.state === "done" || position?.state === "running") await turn.saver.deleteThread(position.thread_id)
    return { kind: "input" }
  }
  const { waiting } = position
  if (position.state === "failed") {
    yield { type: "text", text: say(language, "graph_again") }
    return waiting ? { kind: "answers", waiting, from: position } : { kind: "on", from: position }
  }
  const open = waiting ? openOf(waiting) : undefined
  if (!waiting || !open) return { kind: "on", from: position }
  const answer = answerIn(message, open)
  // One that is closed, because its time is over or because another branch asked, is asked again.
  if (answer === "none" && question?.turn_id === position.turn_id) {
    yield { type: "text", text: say(language, "graph_waits") }
    return undefined
  }
  const answers = typeof answer === "string" ? waiting.answers : { ...waiting.answers, [open.id]: answer.answer }
  const now = { ...waiting, answers }
  if (!openOf(now)) return { kind: "answers", waiting: now, from: position }
  yield* ask({ ...turn, thread_id: position.thread_id, checkpoint_id: position.checkpoint_id }, now)
  return undefined
}

/** Where a turn goes on whose earlier run died, after what that one said. */
export async function* entryAgain(
  turn: Turn,
  position: Position | null,
): AsyncGenerator<HandlerEvent, Entry | undefined> {
  const { graph, saver, thread_id, recorder, context } = turn
  if (graph.resumable === false) throw new ChatError("instance_lost")
  const own = context.resuming ? position : null
  if (own?.state === "done") return undefined
  if (own?.state === "waiting" && own.waiting) {
    yield* ask({ ...turn, thread_id: own.thread_id, checkpoint_id: own.checkpoint_id }, own.waiting)
    return undefined
  }
  const head = await saver.getTuple({ configurable: { thread_id, checkpoint_ns: "" } })
  // It died before its first checkpoint: what an answer found is still untouched.
  const untouched = !head || head.checkpoint.id === (own ?? position)?.checkpoint_id
  if (untouched && !own) return yield* entryOf(turn, position)
  if (!head) return { kind: "input" }
  turn.checkpoint_id = head.checkpoint.id
  yield* recorder.replay(await saver.saidSince(thread_id, own?.checkpoint_id ?? ""))
  return own?.waiting ? { kind: "answers", waiting: own.waiting, from: own } : { kind: "on", from: null }
}
