// The end of a turn: the bot's message and the word that it is over, in one commit under the turn's fence (promise 5).
import { timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { newId } from "../ids.ts"
import { describe } from "../language/language.ts"
import type { Log } from "../log.ts"
import type { Part } from "../protocol/message.ts"
import type { Question, TurnEnd, TurnOver } from "../protocol/turn.ts"
import type { NewMessage } from "../store/append.ts"
import { isTooLarge } from "../store/faults.ts"
import type { TurnRow } from "../store/schema.ts"
import { runningOf, turnById } from "../store/turns.ts"
import type { Answer } from "./answer.ts"
import type { LiveChat } from "./live-chat.ts"
import { shortened } from "./shortened.ts"
import { afterTurn } from "./state.ts"
import type { HeldTurn, TurnDeps } from "./turn.ts"
import { untilStored } from "./until-stored.ts"

/** What the bot wants to know. */
export type Asked = Pick<Question, "prompt" | "fields"> & { readonly expires_in_s?: number | undefined }

/** How the work went. */
export interface Outcome {
  readonly state: TurnEnd
  /** As `end.reason` (P4.4). */
  readonly reason: string
  readonly error?: ChatError
  readonly question?: Asked
  /** It was stopped before the bot was asked. */
  readonly unbegun?: true
}

/** What was said in a turn, whoever collected it: this attempt, or the checkpoint of one that died. */
export type Said = Pick<Answer, "text" | "parts" | "usage" | "checkpoint">

/** Stores how the turn ended, with what was said, in one commit; takes the next in line. Returns its id, if any. */
export async function endTurn(...[deps, chat, turn, answer, outcome, log]: Ending): Promise<string | undefined> {
  try {
    return await storeEnd(deps, chat, turn, answer, outcome, log)
  } catch (cause) {
    if (!isTooLarge(cause)) throw cause
    // Else it would never end, here or on another instance.
    const error = new ChatError("handler_flooded", { cause })
    log.warn({ err: cause }, "the answer is larger than the store takes; its beginning is kept")
    return storeEnd(deps, chat, turn, shortened(answer), { state: "failed", reason: error.code, error }, log)
  }
}

type Ending = Parameters<typeof storeEnd>

async function storeEnd(
  deps: TurnDeps,
  chat: LiveChat,
  turn: HeldTurn,
  answer: Said,
  outcome: Outcome,
  log: Log,
): Promise<string | undefined> {
  const now = deps.clock.now()
  const create_time = timestamp(now)
  const question = outcome.question ? questionOf(outcome.question, turn, now) : null
  const message = messageOf(deps, chat, turn, answer, outcome, question)
  const over: TurnOver = {
    turn_id: turn.id,
    state: outcome.state,
    reason: outcome.reason,
    message_id: message?.id ?? null,
    error: outcome.error ? describe(outcome.error, turn.language) : null,
    question,
  }
  const appended = await untilStored(deps, log, "the end of the turn", () => {
    const claim = deps.claim()
    return deps.emitter.append(chat.session, {
      trace_id: turn.trace_id,
      create_time,
      guard: { fence: { turn_id: turn.id, generation: turn.generation } },
      messages: message ? [message] : [],
      events: [
        ...(message ? [{ kind: "result" as const, ref: message.id, data: null }] : []),
        { kind: "end", ref: turn.id, data: over },
      ],
      end_turn: {
        id: turn.id,
        state: outcome.state,
        error: outcome.error ? { code: outcome.error.code, params: { ...outcome.error.params } } : null,
        checkpoint: answer.checkpoint,
      },
      ...(claim ? { claim } : {}),
      ...(question ? { new_input: { ...question, id: question.input_id } } : {}),
      // Unless the person went on to another branch meanwhile.
      session: {
        state: afterTurn(outcome.state),
        ...(message ? { head: message.id, head_from: turn.question.id } : {}),
      },
    })
  })
  if (appended.seqs.length > 0) return appended.claimed
  // The fence refused: either somebody else holds the turn, or our own commit got through although its answer was lost.
  return untilStored(deps, log, "what came of the turn", async () => {
    const row = await turnById(deps.db, turn.id)
    if (row?.generation !== turn.generation) {
      log.warn({}, "the turn was taken over meanwhile")
      return undefined
    }
    await chat.fill()
    const next = await runningOf(deps.db, chat.session.id)
    return next?.instance === deps.instance ? next.id : undefined
  })
}

function questionOf({ prompt, fields, expires_in_s }: Asked, { id: turn_id }: HeldTurn, now: number): Question {
  const expires_at = expires_in_s === undefined ? null : timestamp(now + expires_in_s * 1000)
  return { input_id: newId("input"), turn_id, prompt, fields, create_time: timestamp(now), expires_at }
}

function questionPart({ input_id, prompt, fields }: Question): Part {
  return { type: "question", input_id, prompt, ...(fields.length > 0 ? { fields } : {}) }
}

function messageOf(
  deps: TurnDeps,
  chat: LiveChat,
  turn: HeldTurn,
  answer: Said,
  outcome: Outcome,
  question: Question | null,
): NewMessage | undefined {
  const asks = question ? [questionPart(question)] : []
  const parts = [...answer.parts, ...asks]
  if (answer.text === "" && parts.length === 0) return undefined
  const { id: session_id, chat_id, flow_id, chat_type, user_id } = chat.session
  return {
    id: turn.answer_id,
    session_id,
    chat_id,
    flow_id,
    chat_type,
    user_id,
    is_bot: true,
    kind: "text",
    state: outcome.state === "interrupted" || outcome.state === "failed" ? outcome.state : "completed",
    message: answer.text,
    parts,
    extra: null,
    source: 0,
    turn_id: turn.id,
    client_id: null,
    reply_to: turn.question.id,
    liked: 0,
    comment: null,
    copied: false,
    usage: answer.usage,
    create_time: timestamp(deps.clock.now()),
    deleted_at: null,
  }
}

/** Of a turn that is not run on after its instance died. `tried`: its bot could have gone on. */
export function outcomeOfLost({ stop_requested_at, attempts }: TurnRow, tried: boolean): Outcome {
  if (stop_requested_at) return { state: "interrupted", reason: "stopped" }
  if (!tried) return { state: "interrupted", reason: "instance_lost" }
  const error = new ChatError("too_many_attempts", { params: { attempts: attempts - 1 } })
  return { state: "failed", reason: error.code, error }
}
