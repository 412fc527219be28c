// Way 5 and 7: one turn, from its question to its one end (promise 5). Read it top to bottom.
import { ChatError } from "../errors.ts"
import type { Files } from "../handlers/files.ts"
import type { GraphCheckpoints } from "../handlers/graph-checkpoints.ts"
import { type CheckedEvent, HandlerEvent } from "../handlers/handler.ts"
import type { Registry } from "../handlers/registry.ts"
import type { Language } from "../language/language.ts"
import { problemOf } from "../language/problem.ts"
import type { Log } from "../log.ts"
import { Json } from "../protocol/ids.ts"
import type { Message } from "../protocol/message.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "../store/database.ts"
import { jsonParameter } from "../store/json.ts"
import { Answer, type Draft } from "./answer.ts"
import type { Emitter } from "./emit.ts"
import { statusOf } from "./frames.ts"
import { handOver } from "./hand-over.ts"
import type { LiveChat } from "./live-chat.ts"
import { endTurn, type Outcome } from "./turn-end.ts"
import { untilAborted } from "./until-aborted.ts"
import { type PatienceDeps, untilStored } from "./until-stored.ts"

export interface Lease {
  readonly instance: string
  /** Milliseconds since the epoch. */
  readonly lease_expires_at: number
}

export interface TurnDeps extends PatienceDeps {
  readonly instance: string
  readonly db: Database
  readonly emitter: Emitter
  readonly registry: Registry
  /** Those that a bot of this chat may use. */
  filesOf(session: Session): Files
  readonly graphs: GraphCheckpoints
  readonly log: Log
  readonly max_exchanges: number
  /** UTF-16 units of text and reasoning together. */
  readonly max_answer_length: number
  /**
   * The next in line is taken in the commit that ends this turn, so that no crash in between can strand it. Undefined while
   * draining: what is in line is left for an instance that stays.
   */
  claim(): Lease | undefined
}

/** A turn that this instance holds. */
export interface HeldTurn {
  readonly id: string
  readonly answer_id: string
  readonly seq: number
  readonly generation: number
  readonly trace_id: string
  readonly language: Language
  readonly question: Message
  /** Runs since the last checkpoint that brought it on, this one included. */
  readonly attempts: number
  /** Where an earlier run left off; null: this one begins at the beginning. */
  readonly resume: { readonly draft: Draft; readonly checkpoint: unknown } | null
}

type StopReason = Parameters<NonNullable<LiveChat["running"]>["stop"]>[0]

/** Runs a turn to its end. Returns the id of the turn that was taken next, if any. Rejects never. */
export async function runTurn(deps: TurnDeps, chat: LiveChat, turn: HeldTurn): Promise<string | undefined> {
  const stopping = new AbortController()
  const running = { turn_id: turn.id, stop: (reason: StopReason) => stopping.abort(reason) }
  chat.begin(running)
  const log = deps.log.child({ trace_id: turn.trace_id, chat_id: chat.session.chat_id, turn_id: turn.id })
  const answer = answerOf(deps, chat, turn, stopping, log)
  deps.emitter.publish(chat.session.id, {
    type: "status",
    data: statusOf(chat),
    trace_id: turn.trace_id,
    chat_id: chat.session.chat_id,
  })
  try {
    const outcome = await work(deps, chat, turn, answer, stopping.signal, log)
    answer.finish()
    if (outcome.reason === "deposed") return undefined
    if (outcome.reason === "drained" && (await handOver(deps, chat, turn, !outcome.unbegun, log))) return undefined
    if (outcome.error)
      log.warn({ err: outcome.error.cause ?? outcome.error, code: outcome.error.code }, "the turn failed")
    // One that an earlier run left holds, unless this one left another; and what an earlier turn left is passed on.
    const left = answer.checkpoint === undefined ? turn.resume?.checkpoint : answer.checkpoint
    const { text, parts, usage } = answer
    const said = { text, parts, usage, checkpoint: chat.context.keep(turn.id, left) }
    return await endTurn(deps, chat, turn, said, outcome, log)
  } finally {
    // A later run of the same turn may have begun here, when this one was deposed and slow to end.
    if (chat.running === running) chat.running = null
  }
}

function answerOf(deps: TurnDeps, chat: LiveChat, turn: HeldTurn, stopping: AbortController, log: Log): Answer {
  const { emitter, clock } = deps
  const { id: session_id, chat_id } = chat.session
  return new Answer({
    turn_id: turn.id,
    message_id: turn.answer_id,
    generation: turn.generation,
    draft: turn.resume?.draft,
    clock,
    limit: deps.max_answer_length,
    publish: (data) => emitter.publish(session_id, { type: "progress", data, trace_id: turn.trace_id, chat_id }),
    keep: (kept) => {
      emitter
        .checkpoint({ turn_id: turn.id, generation: turn.generation, ...kept })
        .then((ours) => ours || stopping.abort("deposed" satisfies StopReason))
        .catch((error: unknown) => log.warn({ err: error }, "what was streamed so far could not be kept yet"))
    },
  })
}

async function work(
  deps: TurnDeps,
  chat: LiveChat,
  turn: HeldTurn,
  answer: Answer,
  signal: AbortSignal,
  log: Log,
): Promise<Outcome> {
  const { flow_id, chat_type, id: session_id } = chat.session
  // Those that were in line when the session ended or was deleted are called up one by one, only to end (P6.6). So is a
  // question that was deleted before its turn came (P4.3).
  if (chat.session.state === "ended" || chat.session.deleted_at || turn.question.deleted_at)
    return { state: "interrupted", reason: "stopped" }
  try {
    const route = deps.registry.pick(flow_id, chat_type)
    if (!route) throw new ChatError("unknown_flow", { params: { flow_id, chat_type } })
    const { history, checkpoint } = await untilStored(deps, log, "the beginning of the turn", async () => {
      // What was said on other instances may not have come here yet.
      if (chat.top < turn.seq) await chat.fill()
      return chat.context.begin(deps.db, session_id, turn, deps.max_exchanges)
    })
    if (signal.aborted) return { ...stopped(signal), unbegun: true }
    const events = route.handler.run({
      session: chat.session,
      message: turn.question,
      history,
      options: route.options,
      checkpoint: turn.resume ? turn.resume.checkpoint : checkpoint,
      resuming: turn.resume !== null,
      attempt: turn.attempts,
      signal,
      clock: deps.clock,
      language: turn.language,
      log: log.child({ handler: route.handler.name }),
      files: deps.filesOf(chat.session),
      graphs: deps.graphs,
    })
    // Beside the answer, which streams on while the store is away; in order, and before the end.
    let titled = Promise.resolve()
    for await (const yielded of untilAborted(events, signal)) {
      const event = checked(yielded)
      if (event.type === "question") {
        await titled
        return { state: "waiting_input", reason: "question", question: event }
      }
      if (event.type !== "title") answer.add(event)
      else {
        const set = () => untilStored(deps, log, "the title", () => setTopic(deps, chat, turn, event.title))
        titled = titled.then(set)
        titled.catch(() => undefined)
      }
    }
    await titled
    return signal.aborted ? stopped(signal) : { state: "completed", reason: "done" }
  } catch (cause) {
    if (signal.aborted) return stopped(signal)
    const error = ChatError.within(cause) ?? new ChatError("handler_failed", { cause })
    return { state: "failed", reason: error.code, error }
  }
}

function stopped(signal: AbortSignal): Outcome {
  return { state: "interrupted", reason: String(signal.reason) }
}

/** What a plug-in yields is checked like any input, as it will be kept; text, the hot path, without the schema. */
function checked(event: HandlerEvent): CheckedEvent {
  if ((event?.type === "text" || event?.type === "reasoning") && typeof event.text === "string") return event
  const result = HandlerEvent.safeParse(Json.parse(JSON.parse(jsonParameter(event))))
  if (result.success) return result.data
  throw new ChatError("handler_failed", {
    cause: new Error(`the handler yielded something else: ${problemOf(result.error)}`),
  })
}

async function setTopic({ emitter }: TurnDeps, chat: LiveChat, turn: HeldTurn, topic: string): Promise<void> {
  const status = statusOf({ session: { ...chat.session, topic }, turns: chat.turns, question: chat.question }, [
    "topic",
  ])
  await emitter.append(chat.session, {
    trace_id: turn.trace_id,
    guard: { fence: { turn_id: turn.id, generation: turn.generation } },
    events: [{ kind: "status", ref: null, data: status }],
    session: { topic },
  })
}
