// Which entry of `flows` serves whom: the patterns of flow_ids, the kinds of messages, who may use it.
import { MessageKind } from "../protocol/message.ts"
import type { Allowed, FlowConfig } from "../settings.ts"

/** Somebody who asks. */
export interface Who {
  readonly user_id: number
  readonly role: "user" | "admin"
}

export function allows(allowed: Allowed | undefined, { user_id, role }: Who): boolean {
  if (!allowed) return true
  return (allowed.users?.includes(user_id) ?? false) || (allowed.roles?.includes(role) ?? false)
}

/** Does `pattern` take `flowId`, which may itself be a pattern? A `*` at the end stands for anything. */
export function covers(pattern: string, flowId: string): boolean {
  return pattern === flowId || (pattern.endsWith("*") && flowId.startsWith(pattern.slice(0, -1)))
}

/** Flows behind others that take everything they would: surely a mistake in the order. */
export function unreachable(flows: readonly FlowConfig[]): string[] {
  return flows.flatMap((flow, index) => {
    const firsts = (flow.kinds ?? MessageKind.options).map((kind) =>
      flows.slice(0, index).findIndex((other) => takes(other, flow, kind)),
    )
    if (firsts.includes(-1)) return []
    const places = [...new Set(firsts)].sort((a, b) => a - b).map((place) => `flows.${place}`)
    const verb = places.length === 1 ? "takes" : "take"
    return [`flows.${index}: is never reached, since ${places.join(" and ")} ${verb} '${flow.flow_id}' first`]
  })
}

/** Does `first` take every message of this kind that would come to `second`? */
function takes(first: FlowConfig, second: FlowConfig, kind: MessageKind): boolean {
  return (
    first.chat_type === second.chat_type &&
    covers(first.flow_id, second.flow_id) &&
    (first.kinds?.includes(kind) ?? true) &&
    includes(first.allow, second.allow)
  )
}

/** May everybody of `few` also use what `many` may? */
function includes(many: Allowed | undefined, few: Allowed | undefined): boolean {
  if (!many) return true
  const roles = many.roles ?? []
  if (roles.includes("user") && roles.includes("admin")) return true
  if (!few) return false
  const named = (few.users ?? []).every((user) => many.users?.includes(user))
  return named && (few.roles ?? []).every((role) => roles.includes(role))
}
