// A message that is for the bot: stored with its turn, which runs at once or waits in line, or with that of another (P6.3).
import { ChatError } from "../errors.ts"
import type { Registry } from "../handlers/registry.ts"
import { answerIdOf, newId } from "../ids.ts"
import type { Policy } from "../protocol/client-frame.ts"
import type { Append, Guard, NewEvent, NewMessage } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { type Emitter, placed } from "./emit.ts"
import type { Lease } from "./instance-lease.ts"
import type { LiveChat } from "./live-chat.ts"
import { branchOf, type Incoming } from "./new-message.ts"
import { looksAtLine, type Plan, planOf, tries } from "./policy.ts"
import { refusalOf } from "./refusal.ts"
import { policyOf } from "./route-of.ts"
import type { HeldTurn } from "./turn.ts"

export interface AskDeps {
  readonly db: Database
  readonly emitter: Emitter
  readonly max_queued_turns: number
  /** Its flows have policies for messages that name none. */
  readonly registry: Registry
  lease(): Lease
  /** The turn is running from now on, and it is for this instance to run it. */
  startTurn(chat: LiveChat, turn: HeldTurn): void
  /** Nobody knows whether the turn was stored. */
  adoptTurn(chat: LiveChat, turn_id: string): void
}

/** Where a message went: its place, null when it left none, and whether it was there before (P3.3). */
export interface Accepted {
  readonly seq: number | null
  readonly dup: boolean
}

/** Chats in which a plan was overtaken: whoever comes there later waits until that message is through. */
const overtaken = new WeakMap<LiveChat, Promise<void>>()

/** Asks, or throws why not. `question` is the bot's own, which the message answers. */
export async function ask(
  deps: AskDeps,
  incoming: Incoming,
  message: NewMessage,
  question?: string,
): Promise<Accepted> {
  const { chat } = incoming
  let through: PromiseWithResolvers<void> | undefined
  try {
    for (let tried = 1; ; tried++) {
      for (let other = overtaken.get(chat); other && other !== through?.promise; other = overtaken.get(chat))
        await other
      if (tried > 1) {
        through ??= Promise.withResolvers<void>()
        overtaken.set(chat, through.promise)
        await chat.fill()
      }
      const { done, plan, guard } = await commit(deps, incoming, message, question, tried)
      if (done) return done
      const earlier = await refusalOf(deps.db, chat.session.id, guard, message)
      if (earlier) return { seq: earlier.seq, dup: true }
      if (!plan.passing) throw lineError(guard)
      if (tried === tries) throw new ChatError("busy")
    }
  } finally {
    if (through && overtaken.get(chat) === through.promise) overtaken.delete(chat)
    through?.resolve()
  }
}

/** While it is being made: field by field, since all that is said comes through here, and spreads take several times as long. */
type Making<T> = { -readonly [Field in keyof T]: T[Field] }

/** What holds for every message of a person, whatever comes of it. */
export function guardOfSaid({ caller, client_id, said }: Incoming): Making<Guard> {
  const { user_id } = caller.principal
  const answer = branchOf(said)
  const guard: Making<Guard> = { open: true }
  if (typeof answer === "string") guard.answer = answer
  if (client_id !== null) guard.once = { user_id, client_id }
  if (said.base_seq !== undefined) guard.base_seq = said.base_seq
  if (said.after !== undefined) guard.after = { user_id, client_ids: said.after }
  return guard
}

function policyFor(deps: AskDeps, incoming: Incoming, question: string | undefined, tried: number): Policy {
  const { chat, said, caller } = incoming
  const policy = said.policy ?? policyOf(deps.registry, chat.session, caller.principal, said.kind)
  // An answer stays one: joined to another message, nobody could tell what it answers; so does what begins a branch. And what
  // could not be joined waits.
  const alone = question !== undefined || branchOf(said) !== undefined || tried > 1
  return policy === "merge" && alone ? "enqueue" : policy
}

function guardOf(incoming: Incoming, plan: Plan, question: string | undefined): Guard {
  const guard = guardOfSaid(incoming)
  Object.assign(guard, plan.guard)
  if (question !== undefined) guard.question = question
  return guard
}

function lineError({ max_open_turns: limit = 0 }: Guard): ChatError {
  return limit === 0 ? new ChatError("busy") : new ChatError("queue_full", { params: { limit } })
}

/** In which role it was said, should its turn run where nobody knows; a user's goes without saying. */
function saidBy({ principal: { role } }: Incoming["caller"]): { role: "admin" } | null {
  return role === "admin" ? { role } : null
}

interface Committed {
  /** Undefined: a guard did not hold. */
  readonly done?: Accepted
  readonly plan: Plan
  readonly guard: Guard
}

/** Stores the message with its turn; starts the turn if the chat was idle. */
async function commit(
  deps: AskDeps,
  incoming: Incoming,
  asked: NewMessage,
  question: string | undefined,
  tried: number,
): Promise<Committed> {
  const { chat, caller } = incoming
  const turn_id = asked.turn_id ?? newId("turn")
  const turn = { id: turn_id, answer_id: answerIdOf(turn_id) }
  const policy = policyFor(deps, incoming, question, tried)
  const informed = looksAtLine(policy)
  // Planned in the last moment: the line may move on while this waits for its commit, and a plan for an older one is void.
  const last: { made?: ReturnType<typeof appendOf> } = {}
  const plan = () => {
    last.made = appendOf(deps, incoming, asked, turn, question, policy)
    return last.made.append
  }
  const appending = deps.emitter.appendWhole(chat.session, plan, { informed })
  // What may have to be tried again, another way, may not be overtaken meanwhile; and where a branch begins, it depends on that
  // whether the next text answers a question (P6.7).
  if (!informed && question === undefined && branchOf(incoming.said) === undefined) caller.inLine?.()
  const appended = await appending.catch((error: unknown) => {
    if (ChatError.within(error)?.code === "store_unavailable") deps.adoptTurn(chat, turn.id)
    throw error
  })
  if (!last.made) throw new Error("a message was stored without a plan")
  const { append, message, plan: held } = last.made
  const [seq] = appended.seqs
  if (seq === undefined) return { plan: held, guard: append.guard }
  if (appended.turn_state === "running") {
    const { trace_id, language } = caller
    const fresh = { generation: 1, attempts: 1, resume: null }
    deps.startTurn(chat, { ...turn, ...fresh, seq, trace_id, language, question: placed(message, seq, appended) })
  }
  return { done: { seq, dup: false }, plan: held, guard: append.guard }
}

function appendOf(
  deps: AskDeps,
  incoming: Incoming,
  asked: NewMessage,
  turn: { readonly id: string; readonly answer_id: string },
  question: string | undefined,
  policy: Policy,
): { readonly append: Append; readonly plan: Plan; readonly message: NewMessage } {
  const { chat, caller } = incoming
  const { user_id, role } = caller.principal
  const plan = planOf(policy, { turns: chat.turns, user_id, role, max_queued_turns: deps.max_queued_turns })
  const message = placedBy(plan, chat, asked, question)
  const { id: message_id, create_time } = message
  const { joins, change } = plan
  const said: NewEvent = { kind: "message", ref: message_id, data: saidBy(caller) }
  const append: Making<Append> = {
    session_id: chat.session.id,
    trace_id: caller.trace_id,
    // When it was said, however long the line was: a question waits for it until then (P6.14).
    create_time,
    guard: guardOf(incoming, plan, question),
    messages: [message],
    events: [said, ...plan.events],
    session: joins === undefined ? { lifecycle: "active", head: message_id } : { lifecycle: "active" },
  }
  if (joins === undefined) append.new_turn = { ...turn, ...deps.lease(), message_id, language: caller.language }
  else append.merge = { turn_id: joins, message_id }
  if (change.stop_turn !== undefined) append.stop_turn = change.stop_turn
  if (change.drop_turns !== undefined) append.drop_turns = change.drop_turns
  if (question !== undefined) append.answer_input = { id: question, message_id }
  const { base_seq, after } = append.guard
  if (policy === "enqueue" && message.follows === "head" && base_seq === undefined && after === undefined)
    append.plain = true
  return { append, plan, message }
}

/** Where it belongs: behind the message that it joins, the answer that asked the question, or what was said last (P6.12). */
function placedBy({ joins }: Plan, chat: LiveChat, asked: NewMessage, question: string | undefined): NewMessage {
  if (joins === undefined) return question === undefined ? asked : { ...asked, follows: question }
  const { follows: _, ...message } = asked
  return { ...message, turn_id: joins, reply_to: chat.turn(joins)?.message_id ?? null }
}
