// Who may ask about whom: a user about themselves, an administrator about anybody. What is not allowed is not in the WHERE.
import { ChatError } from "../errors.ts"
import type { Principal } from "./token.ts"

/** Whose rows are looked at: one user's, or everybody's. */
export type Owner = number | "anyone"

/** Which sessions one may address: by session_id those of `owner`, by chat_id (a name given by its owner) those of `named_by`. */
export interface Reach {
  readonly owner: Owner
  readonly named_by: number
}

/** Of a list or a count. `asked` is the request's `user_id`; without it everybody gets their own. Throws `forbidden`. */
export function ownerFor(principal: Principal, asked: number | "all" | undefined): Owner {
  if (asked === undefined || asked === principal.user_id) return principal.user_id
  if (principal.role !== "admin") throw new ChatError("forbidden")
  return asked === "all" ? "anyone" : asked
}

/** Of one session. An administrator reaches any by its session_id, and with `user_id` those of that user only. Throws `forbidden`. */
export function reachFor(principal: Principal, asked: number | undefined): Reach {
  const owner = ownerFor(principal, asked ?? (principal.role === "admin" ? "all" : undefined))
  return { owner, named_by: owner === "anyone" ? principal.user_id : owner }
}
