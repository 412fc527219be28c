// Way 5 and 7: one turn, from its question to its one end (promise 5). Read it top to bottom.
import { ChatError } from "../errors.ts"
import type { Files } from "../handlers/files.ts"
import type { GraphCheckpoints } from "../handlers/graph-checkpoints.ts"
import type { Registry } from "../handlers/registry.ts"
import type { Language } from "../language/language.ts"
import type { Log } from "../log.ts"
import type { Message } from "../protocol/message.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "../store/database.ts"
import { Answer, type AnswerDeps, type Draft } from "./answer.ts"
import { checkpointFor, withCheckpoint } from "./bot-checkpoints.ts"
import { type Bounds, contained } from "./contained.ts"
import type { Emitter } from "./emit.ts"
import { statusOf } from "./frames.ts"
import { handOver } from "./hand-over.ts"
import type { Lease } from "./instance-lease.ts"
import type { LiveChat } from "./live-chat.ts"
import { routeOf } from "./route-of.ts"
import { RunningTurn } from "./running-turn.ts"
import { type Asked, endTurn, type Outcome } from "./turn-end.ts"
import { type PatienceDeps, untilStored } from "./until-stored.ts"

export interface TurnDeps extends PatienceDeps {
  readonly instance: string
  readonly db: Database
  readonly emitter: Emitter
  readonly registry: Registry
  /** Those that a bot of this chat may use. */
  filesOf(session: Session): Files
  /** For as long as this run of the turn has it. */
  graphsOf(turn: Pick<HeldTurn, "id" | "generation">): GraphCheckpoints
  readonly log: Log
  readonly max_exchanges: number
  /** UTF-16 units of text and reasoning together. */
  readonly max_answer_length: number
  readonly max_parts: AnswerDeps["parts"]
  readonly bounds: Bounds
  /**
   * The next in line is taken in the commit that ends this turn, so that no crash in between can strand it. Undefined while
   * draining: what is in line is left for an instance that stays.
   */
  claim(): Lease | undefined
  /** A turn came to its good end; whatever this does, nobody waits for it. */
  completed(chat: LiveChat, turn: HeldTurn): void
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

/** Seconds that one turn may take, unless its flow says otherwise. */
const defaultTimeout = 3600

/** Runs a turn to its end. Returns the id of the turn that was taken next, if any. Rejects never. */
export async function runTurn(deps: TurnDeps, chat: LiveChat, turn: HeldTurn): Promise<string | undefined> {
  const running = new RunningTurn(turn, deps.clock)
  chat.begin(running)
  const log = deps.log.child({ trace_id: turn.trace_id, chat_id: chat.session.chat_id, turn_id: turn.id })
  const answer = answerOf(deps, chat, turn, running, log)
  deps.emitter.publish(chat.session.id, {
    type: "status",
    data: statusOf(chat),
    trace_id: turn.trace_id,
    chat_id: chat.session.chat_id,
  })
  try {
    const outcome = await work(deps, chat, turn, answer, running, log)
    answer.finish()
    if (outcome.reason === "deposed") return undefined
    if (outcome.reason === "drained" && (await handOver(deps, chat, turn, !outcome.unbegun, log))) return undefined
    // One that an earlier run left holds, unless this one left another; and what an earlier turn left is passed on.
    const left = answer.checkpoint === undefined ? turn.resume?.checkpoint : answer.checkpoint
    const { text, parts, usage } = answer
    const said = { text, parts, usage, checkpoint: chat.talk.context.keep(turn.id, left) }
    const next = await endTurn(deps, chat, turn, said, outcome, log)
    if (outcome.state === "completed") deps.completed(chat, turn)
    return next
  } finally {
    running.done()
    // A later run of the same turn may have begun here, when this one was deposed and slow to end.
    if (chat.running === running) chat.running = null
  }
}

function answerOf(deps: TurnDeps, chat: LiveChat, turn: HeldTurn, running: RunningTurn, log: Log): Answer {
  const { emitter, clock } = deps
  const { id: session_id, chat_id } = chat.session
  return new Answer({
    turn_id: turn.id,
    message_id: turn.answer_id,
    generation: turn.generation,
    draft: turn.resume?.draft,
    clock,
    limit: deps.max_answer_length,
    parts: deps.max_parts,
    publish: (data) => emitter.publish(session_id, { type: "progress", data, trace_id: turn.trace_id, chat_id }),
    keep: (kept) => {
      emitter
        .checkpoint({ turn_id: turn.id, generation: turn.generation, ...kept })
        .then((ours) => ours || running.stop("deposed"))
        .catch((error: unknown) => log.warn({ err: error }, "what was streamed so far could not be kept yet"))
    },
  })
}

async function work(
  deps: TurnDeps,
  chat: LiveChat,
  turn: HeldTurn,
  answer: Answer,
  running: RunningTurn,
  turnLog: Log,
): Promise<Outcome> {
  const { signal } = running
  const { flow_id, chat_type, id: session_id } = chat.session
  let log = turnLog
  // Those that were in line when the session ended or was deleted are called up one by one, only to end (P6.6). So is a
  // question that was deleted before its turn came (P4.3).
  if (chat.session.state === "ended" || chat.session.deleted_at || turn.question.deleted_at)
    return { state: "interrupted", reason: "stopped" }
  try {
    const route = await untilStored(deps, log, "whose turn it is", () => routeOf(deps, chat.session, turn.question))
    if (!route) throw new ChatError("unknown_flow", { params: { flow_id, chat_type } })
    const { handler, options, flow } = route
    log = log.child({ handler: handler.name })
    const { history, checkpoint } = await untilStored(deps, log, "the beginning of the turn", async () => {
      // What was said on other instances may not have come here yet.
      if (chat.top < turn.seq) await chat.fill()
      return chat.talk.context.begin(deps.db, session_id, turn, deps.max_exchanges)
    })
    if (signal.aborted) return { ...stopped(signal, log), unbegun: true }
    const before = turn.resume ? turn.resume.checkpoint : checkpoint
    const run = () =>
      handler.run({
        session: chat.session,
        turn_id: turn.id,
        message: turn.question,
        history,
        question: chat.question,
        options,
        checkpoint: checkpointFor(handler.name, before),
        resuming: turn.resume !== null,
        attempt: turn.attempts,
        signal,
        clock: deps.clock,
        language: turn.language,
        log,
        files: deps.filesOf(chat.session),
        graphs: deps.graphsOf(turn),
      })
    const seconds = flow.timeout_s ?? defaultTimeout
    running.within(seconds)
    // Beside the answer, which streams on while the store is away; in order, and before the end.
    let titled = Promise.resolve()
    const asked: Asked[] = []
    await contained(run, { clock: deps.clock, log, bounds: deps.bounds, signal }, (event) => {
      switch (event.type) {
        case "question":
          asked.push(event)
          return true
        case "checkpoint":
          answer.add({ type: "checkpoint", checkpoint: withCheckpoint(before, handler.name, event.checkpoint) })
          return undefined
        case "title": {
          const set = () => untilStored(deps, log, "the title", () => setTopic(deps, chat, turn, event.title))
          titled = titled.then(set)
          titled.catch(() => undefined)
          return undefined
        }
        default:
          answer.add(event)
          return undefined
      }
    })
    await titled
    const [question] = asked
    if (question) return { state: "waiting_input", reason: "question", question }
    return signal.aborted ? stopped(signal, log) : { state: "completed", reason: "done" }
  } catch (cause) {
    if (signal.aborted) return stopped(signal, log)
    // Whatever the bot has set going for an answer that nobody will read is to end as well.
    running.abort("failed")
    return failed(ChatError.within(cause) ?? new ChatError("handler_failed", { cause }), log)
  }
}

function stopped({ reason }: AbortSignal, log: Log): Outcome {
  if (reason instanceof ChatError) return failed(reason, log)
  return { state: "interrupted", reason: String(reason) }
}

function failed(error: ChatError, log: Log): Outcome {
  log.warn({ err: error.cause ?? error, code: error.code }, "the turn failed")
  return { state: "failed", reason: error.code, error }
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
