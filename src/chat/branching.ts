// Branches (P6.12): a question is answered once more, or the conversation goes on from somewhere else. Nothing is taken away.
import { type Clock, timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { answerIdOf, newId } from "../ids.ts"
import type { Policy, Said } from "../protocol/client-frame.ts"
import type { Message } from "../protocol/message.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { Guard } from "../store/append.ts"
import { messageOf, messagesByKey } from "../store/events.ts"
import { turnById } from "../store/turns.ts"
import type { Accepted, AskDeps } from "./ask.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"
import type { Incoming } from "./new-message.ts"
import { type Plan, planOf, tries } from "./policy.ts"
import { onceOnly } from "./revise.ts"
import { mayAsk, policyOf } from "./route-of.ts"

export interface BranchDeps extends AskDeps {
  readonly clock: Clock
}

type Regenerate = Extract<Said, { kind: "regenerate" }>
type Switch = Extract<Said, { kind: "switch" }>

/** Answers a question once more. Throws `not_found`, `busy`, `queue_full`, `session_ended`, `id_conflict`. */
export async function regenerate(deps: BranchDeps, incoming: Incoming<Regenerate>): Promise<Accepted> {
  const { chat, said } = incoming
  const question = await questionToRepeat(deps, incoming, said.message_id ?? chat.session.head)
  return onceOnly(deps.db, incoming, question ? await tryRegenerate(deps, incoming, question) : notFound())
}

/** The person's message itself, or the one that an answer answers; the first of several that are one question. */
export async function questionToRepeat(
  deps: Pick<BranchDeps, "db" | "registry">,
  { chat: { session }, caller }: Pick<Incoming, "chat" | "caller">,
  id: string | null,
): Promise<Message | undefined> {
  const messageBy = (key: string) => messageOf(deps.db, session.id, key)
  const named = id === null ? undefined : await messageBy(id)
  const said = named?.is_bot && named.reply_to ? await messageBy(named.reply_to) : named
  if (!said || said.is_bot || said.turn_id === null || named?.deleted_at) return undefined
  const turn = await turnById(deps.db, said.turn_id)
  const parts = await messagesByKey(deps.db, turn ? [turn.message_id, ...(turn.merged ?? [])] : [said.id])
  const [question] = parts
  if (!question || parts.every(({ deleted_at }) => deleted_at)) return undefined
  // What was said in another role may be for a bot that this person may not use: then it is not there (P6.21).
  return (await mayAsk(deps, session, question, caller.principal)) ? question : undefined
}

/** Asks a question once more, in a turn of this id, by a plan for the moment of the commit. */
export async function repetition(
  deps: BranchDeps,
  { chat, caller }: Pick<Incoming, "chat" | "caller">,
  question: Message,
  policy?: Policy,
) {
  const merged = question.turn_id === null ? null : ((await turnById(deps.db, question.turn_id))?.merged ?? null)
  const turn_id = newId("turn")
  const create_time = timestamp(deps.clock.now())
  const plan = () => {
    // It has no message of its own that could be joined to another.
    const asked = policy ?? policyOf(deps.registry, chat.session, caller.principal, question.kind)
    const { max_queued_turns } = deps
    const { user_id, role } = caller.principal
    const meeting = { turns: chat.turns, user_id, role, max_queued_turns }
    const made = planOf(asked === "merge" ? "enqueue" : asked, meeting)
    const regenerated = { message_id: question.id, ...(merged ? { merged } : {}), turn_id, create_time }
    const data: Status = { ...statusOf(chat, ["branch"]), head: question.id, regenerated }
    const new_turn = {
      ...{ id: turn_id, answer_id: answerIdOf(turn_id), message_id: question.id, merged },
      ...{ language: caller.language, ...deps.lease() },
    }
    const session = { lifecycle: "active" as const, head: question.id }
    return { made, data, change: { ...made.change, new_turn, session } }
  }
  return { turn_id, plan }
}

/** Why the line did not take it, if that was why. */
export function lineFault({ turns }: Pick<LiveChat, "turns">, { passing, guard }: Plan): ChatError | undefined {
  const { max_open_turns: limit } = guard
  if (passing || limit === undefined || turns.length <= limit) return undefined
  return limit === 0 ? new ChatError("busy") : new ChatError("queue_full", { params: { limit } })
}

async function tryRegenerate(
  deps: BranchDeps,
  incoming: Incoming<Regenerate>,
  question: Message,
): Promise<Accepted | ChatError> {
  const { chat, caller, said } = incoming
  const { turn_id, plan } = await repetition(deps, { chat, caller }, question, said.policy)
  let { made } = plan()
  for (let tried = 1; tried <= tries; tried++) {
    const { seqs, turn_state } = await deps.emitter.appendPlanned(chat.session, () => {
      const planned = plan()
      made = planned.made
      return {
        trace_id: caller.trace_id,
        guard: { open: true, ...made.guard, ...onceGuard(incoming) },
        events: [{ kind: "status", ref: question.id, data: named(planned.data, incoming) }, ...made.events],
        ...planned.change,
      }
    })
    if (seqs[0] !== undefined) {
      // As the store has it, with all the messages that the question is made of.
      if (turn_state === "running") deps.adoptTurn(chat, turn_id)
      return { seq: seqs[0], dup: false }
    }
    // Perhaps the session has ended; perhaps the line is full; perhaps it moved on elsewhere.
    await chat.fill()
    if (chat.session.state === "ended") return new ChatError("session_ended")
    const full = lineFault(chat, made)
    if (full) return full
  }
  return new ChatError("busy")
}

/** Goes on from another message, or from none. Throws `not_found`, `session_ended`, `id_conflict`. */
export async function switchBranch(deps: BranchDeps, incoming: Incoming<Switch>): Promise<Accepted> {
  const head = await headFor(deps, incoming)
  return onceOnly(deps.db, incoming, head === undefined ? notFound() : await trySwitch(deps, incoming, head))
}

/** Of several messages that are one question, the first stands for all; undefined: it is not there. */
async function headFor({ db }: BranchDeps, { chat, said }: Incoming<Switch>): Promise<string | null | undefined> {
  if (said.message_id === null) return null
  const target = await messageOf(db, chat.session.id, said.message_id)
  if (!target?.turn_id || target.deleted_at) return undefined
  return target.is_bot ? target.id : ((await turnById(db, target.turn_id))?.message_id ?? target.id)
}

async function trySwitch(
  { emitter }: BranchDeps,
  incoming: Incoming<Switch>,
  head: string | null,
): Promise<Accepted | ChatError> {
  const { chat, caller, said } = incoming
  if (chat.session.head === head) return { seq: null, dup: true }
  const data: Status = { ...statusOf(chat, ["branch"]), head }
  const { seqs } = await emitter.append(chat.session, {
    trace_id: caller.trace_id,
    guard: { open: true, ...onceGuard(incoming) },
    events: [{ kind: "status", ref: said.message_id, data: named(data, incoming) }],
    session: { head },
  })
  return seqs[0] === undefined ? new ChatError("session_ended") : { seq: seqs[0], dup: false }
}

function onceGuard({ client_id }: Incoming<Regenerate | Switch>): Pick<Guard, "revised_once"> {
  return client_id === null ? {} : { revised_once: client_id }
}

function named(data: Status, { client_id }: Incoming<Regenerate | Switch>): Status {
  return client_id === null ? data : { ...data, client_id }
}

function notFound(): ChatError {
  return new ChatError("not_found", { params: { what: "message" } })
}
