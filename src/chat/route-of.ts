// Which bot answers a message: by its flow, its kind, and who says it. What somebody may not use is not there (promise 10).
import { ChatError } from "../errors.ts"
import { allows } from "../handlers/reach.ts"
import type { Registry, Route } from "../handlers/registry.ts"
import type { Policy } from "../protocol/client-frame.ts"
import type { Message, MessageKind } from "../protocol/message.ts"
import type { Session } from "../protocol/session.ts"
import { asked } from "../store/asked.ts"
import type { Database } from "../store/database.ts"
import { inputOf, messageOf } from "../store/events.ts"
import { turnById } from "../store/turns.ts"

type Flow = Pick<Session, "flow_id" | "chat_type">
type Who = NonNullable<Parameters<Registry["pick"]>[3]>
interface RouteDeps {
  readonly db: Database
  readonly registry: Registry
}

/** Throws `unknown_flow` when this person may use no bot of the flow; with `kind`, `kind_not_taken` when none of them takes such a message. */
export function admit(registry: Registry, { flow_id, chat_type }: Flow, who: Who, kind?: MessageKind): Route {
  const route = registry.pick(flow_id, chat_type, kind, who)
  if (route) return route
  if (!kind || !registry.pick(flow_id, chat_type, undefined, who))
    throw new ChatError("unknown_flow", { params: { flow_id, chat_type } })
  throw new ChatError("kind_not_taken", { params: { kind } })
}

/** The flow's, for messages that name none (P6.3). */
export function policyOf(registry: Registry, { flow_id, chat_type }: Flow, who: Who, kind: MessageKind): Policy {
  return registry.pick(flow_id, chat_type, kind, who)?.flow.policy ?? "enqueue"
}

/**
 * The bot that a turn is for, by its question. An answer goes to the bot that asked; only where its entry does not take
 * `input`, and another one names it, to that one.
 */
export async function routeOf(
  { db, registry }: RouteDeps,
  { flow_id, chat_type }: Flow,
  question: Message,
): Promise<Route | undefined> {
  const routes = registry.routesOf(flow_id, chat_type)
  if (routes.every(({ flow }) => !flow.kinds && !flow.allow)) return routes[0]
  const { kind, role, answers } = await asked(db, question)
  const who = { user_id: question.user_id, role }
  const first = registry.pick(flow_id, chat_type, kind, who)
  if (!answers || !first || (first.flow.kinds?.includes("input") ?? true)) return first
  return routes.find(({ flow }) => flow.kinds?.includes("input") && allows(flow.allow, who)) ?? first
}

/**
 * May this person use the bot that a message is for? One's role may be another now, or on another device, than it was when
 * the message was said.
 */
export async function mayAsk(deps: RouteDeps, flow: Flow, question: Message, who: Who): Promise<boolean> {
  if (isForAll(deps, flow)) return true
  const route = await routeOf(deps, flow, question)
  return !route || allows(route.flow.allow, who)
}

/** May this person use the bot that asks this? */
export async function mayAnswer(deps: RouteDeps, session: Session, input_id: string, who: Who): Promise<boolean> {
  if (isForAll(deps, session)) return true
  const input = await inputOf(deps.db, session.id, input_id)
  const turn = input && (await turnById(deps.db, input.turn_id))
  const question = turn && (await messageOf(deps.db, session.id, turn.message_id))
  return !question || mayAsk(deps, session, question, who)
}

function isForAll({ registry }: RouteDeps, { flow_id, chat_type }: Flow): boolean {
  return registry.routesOf(flow_id, chat_type).every(({ flow }) => !flow.allow)
}
