// What a person said, as a message without a place yet.
import { type Clock, timestamp } from "../clock.ts"
import { newId } from "../ids.ts"
import type { Said } from "../protocol/client-frame.ts"
import type { Part } from "../protocol/message.ts"
import type { NewMessage } from "../store/append.ts"
import type { Caller } from "./follower.ts"
import type { LiveChat } from "./live-chat.ts"

/** What is kept as a message; the other kinds change one. */
export type Kept = Extract<Said, { kind: "text" | "file" | "command" | "input" }>

/** One message on its way in. */
export interface Incoming<S extends Said = Kept> {
  readonly chat: LiveChat
  readonly caller: Caller
  readonly said: S
  /** The frame's `id`. */
  readonly client_id: string | null
}

/** As it goes on from what was said last, or from where the person said. */
export function newMessage(
  clock: Clock,
  { chat, caller, said, client_id }: Incoming,
  text: string,
  parts: Part[],
  turn_id: string | null = newId("turn"),
): NewMessage {
  const { id: session_id, chat_id, flow_id, chat_type } = chat.session
  const message: NewMessage = {
    id: newId("message"),
    session_id,
    chat_id,
    flow_id,
    chat_type,
    user_id: caller.principal.user_id,
    is_bot: false,
    kind: said.kind,
    state: "completed",
    message: text,
    parts,
    extra: said.extra ?? null,
    source: 0,
    turn_id,
    client_id,
    reply_to: branchOf(said) ?? null,
    liked: 0,
    comment: null,
    copied: false,
    usage: null,
    create_time: timestamp(clock.now()),
    deleted_at: null,
  }
  return turn_id === null || branchOf(said) !== undefined ? message : { ...message, follows: "head" }
}

/** The answer that the person wants to go on from (P6.12); null: none; undefined: they did not say. */
export function branchOf(said: Kept): string | null | undefined {
  return "reply_to" in said ? said.reply_to : undefined
}
