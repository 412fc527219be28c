// From a name to a session: a client's own, found or made. What is another's is never looked at (promise 10).
import type { Principal } from "../auth/token.ts"
import { type Clock, timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { Registry } from "../handlers/registry.ts"
import { newId } from "../ids.ts"
import type { ChatType, Session } from "../protocol/session.ts"
import type { RateLimits } from "../rate-limit.ts"
import type { Database } from "../store/database.ts"
import type { Gathered } from "../store/gathered.ts"
import { sessionByName } from "../store/session-changes.ts"
import { admit } from "./route-of.ts"

export interface FindDeps {
  readonly db: Database
  /** Of new chats, by user: a row that a stranger can make costs for ever. */
  readonly creations: RateLimits
  /** Makes it; false when the name is taken. */
  readonly inserts: Gathered<Session, boolean>
  readonly registry: Registry
  readonly clock: Clock
}

/** Which chat of which bot somebody came for. */
export interface ChatRequest {
  readonly flow_id: string
  readonly chat_id?: string | undefined
  readonly chat_type?: ChatType | undefined
  readonly topic?: string | undefined
  readonly logo?: string | undefined
}

/** Finds the chat or makes it (P1.3). Throws `chat_deleted`, `flow_mismatch`, `unknown_flow`. */
export async function findOrCreate(deps: FindDeps, principal: Principal, request: ChatRequest): Promise<Session> {
  const known = await named(deps.db, principal, request)
  if (known) return fitting(known, request)
  const made = await create(deps, principal, request)
  if (made) return made
  // Another device of the same user made it in this moment.
  const other = await named(deps.db, principal, request)
  if (!other) throw new ChatError("internal", { cause: new Error("a session could be neither made nor found") })
  return fitting(other, request)
}

/**
 * Makes a session. Throws `unknown_flow`, `chat_exists`, and `chat_deleted`: a name is never given twice, also not after its
 * chat is gone, because an old client would take the one for the other.
 */
export async function createNew(deps: FindDeps, principal: Principal, request: ChatRequest): Promise<Session> {
  const made = await create(deps, principal, request)
  if (made) return made
  throw new ChatError((await named(deps.db, principal, request))?.deleted_at ? "chat_deleted" : "chat_exists")
}

/** Undefined: the name is taken. */
async function create(
  { inserts, registry, clock, creations }: FindDeps,
  principal: Principal,
  request: ChatRequest,
): Promise<Session | undefined> {
  const { user_id } = principal
  const { flow_id, chat_id = newId("chat"), chat_type = "NORMAL", topic = null, logo = null } = request
  admit(registry, { flow_id, chat_type }, principal)
  const wait = creations.take(user_id)
  if (wait > 0) {
    throw new ChatError("too_many_new_chats", { params: { seconds: Math.ceil(wait / 1000) }, retry_after_ms: wait })
  }
  const now = timestamp(clock.now())
  const session: Session = {
    ...{ id: newId("session"), user_id, chat_id, flow_id, chat_type, topic, logo },
    ...{ state: "initialized", lifecycle: "created", head: null, last_seq: 0, epoch: newId("epoch") },
    ...{ likes: 0, dislikes: 0, copies: 0, read_seq: 0 },
    ...{ create_time: now, update_time: now, deleted_at: null },
  }
  return (await inserts.do(session)) ? session : undefined
}

/** The caller's session of this name; missing, deleted and foreign ones are all `not_found`. */
export async function findOwn(db: Database, { user_id }: Principal, chat_id: string): Promise<Session> {
  const session = await sessionByName(db, user_id, chat_id)
  if (!session || session.deleted_at) throw new ChatError("not_found", { params: { what: "chat" } })
  return session
}

async function named(db: Database, { user_id }: Principal, { chat_id }: ChatRequest): Promise<Session | undefined> {
  return chat_id === undefined ? undefined : sessionByName(db, user_id, chat_id)
}

function fitting(session: Session, { flow_id, chat_type }: ChatRequest): Session {
  if (session.deleted_at) throw new ChatError("chat_deleted")
  if (session.flow_id !== flow_id || (chat_type && session.chat_type !== chat_type)) {
    throw new ChatError("flow_mismatch", { params: { flow_id: session.flow_id, chat_type: session.chat_type } })
  }
  return session
}
