// Changes of a live chat that are no messages: each is one append, and everybody who looks on sees its event.
import { type Clock, timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { newId } from "../ids.ts"
import type { Status } from "../protocol/server-frame.ts"
import type { Session } from "../protocol/session.ts"
import type { Database } from "../store/database.ts"
import { sessionByKey } from "../store/events.ts"
import { openInputIn } from "../store/inputs.ts"
import { deletableMessages } from "../store/session-changes.ts"
import type { Emitter } from "./emit.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"
import { tries } from "./policy.ts"

export interface ChangeDeps {
  readonly db: Database
  readonly emitter: Emitter
  readonly clock: Clock
}

/** Ends the session for good (P6.6): the event stops its turn. Its place; null when the session had ended before. */
export async function endSession({ emitter }: ChangeDeps, chat: LiveChat, trace_id: string): Promise<number | null> {
  const ended = { state: "ended", lifecycle: "ended" } as const
  const data = statusOf(chat, ["state", "lifecycle"])
  const { seqs } = await emitter.append(chat.session, {
    trace_id,
    guard: { open: true },
    events: [{ kind: "status", ref: null, data: { ...data, ...ended, question: null } }],
    session: ended,
  })
  return seqs[0] ?? null
}

/** What may be changed of a session; null takes it away. */
export interface SessionChange {
  readonly topic?: string | null | undefined
  readonly logo?: string | null | undefined
}

export async function updateSession(
  { db, emitter }: ChangeDeps,
  chat: LiveChat,
  { topic, logo }: SessionChange,
  trace_id: string,
): Promise<Session> {
  const set = { ...(topic === undefined ? {} : { topic }), ...(logo === undefined ? {} : { logo }) }
  const changed = Object.keys(set) as ("topic" | "logo")[]
  const { seqs } = await emitter.append(chat.session, {
    trace_id,
    events: [{ kind: "status", ref: null, data: { ...statusOf(chat, changed), ...set } }],
    session: set,
  })
  const session = seqs.length > 0 ? await sessionByKey(db, chat.session.id) : undefined
  if (!session) throw new ChatError("not_found", { params: { what: "session" } })
  return session
}

/** Deletes the session, softly: the event stops its turn and sends everybody away. */
export async function deleteSession({ emitter, clock }: ChangeDeps, chat: LiveChat, trace_id: string): Promise<void> {
  const { seqs } = await emitter.append(chat.session, {
    trace_id,
    events: [{ kind: "status", ref: null, data: statusOf(chat, ["deleted"]) }],
    session: { deleted_at: timestamp(clock.now()), state: "ended", lifecycle: "ended" },
  })
  if (seqs.length === 0) throw new ChatError("not_found", { params: { what: "session" } })
}

/** Deletes messages, softly; the ids that were deleted now. With the message that asks it, an open question is given up. */
export async function deleteMessages(
  { db, emitter, clock }: ChangeDeps,
  chat: LiveChat,
  ids: readonly string[],
  trace_id: string,
): Promise<string[]> {
  const { id } = chat.session
  for (let tried = 1; ; tried++) {
    const found = await deletableMessages(db, id, ids)
    if (found.length === 0) return []
    const asked = await openInputIn(db, id, found, timestamp(clock.now()))
    // Asked on another instance, it may not have come here yet.
    if (asked !== undefined && chat.question?.input_id !== asked) await chat.fill()
    const { seqs } = await emitter.appendPlanned(chat.session, () => {
      const given = asked === undefined ? undefined : withoutQuestion(chat, asked)
      const data = given?.data ?? statusOf(chat, ["messages"])
      return {
        trace_id,
        events: [{ kind: "status", ref: null, data: { ...data, deleted_messages: found } satisfies Status }],
        delete_messages: found,
        ...given?.change,
      }
    })
    if (seqs.length > 0) return found
    if (asked === undefined || tried === tries) return []
  }
}

/** Nobody is to be asked any more; should the line of turns move on or somebody answer before the commit, it does not hold. */
function withoutQuestion({ session, turns }: LiveChat, input_id: string) {
  const rests = turns.length === 0
  const after = { session: rests ? { ...session, state: "completed" as const } : session, turns, question: null }
  return {
    data: statusOf(after, ["messages", "question", ...(rests ? ["state" as const] : [])]),
    change: {
      guard: { question: input_id, line: turns.map(({ turn_id }) => turn_id) },
      close_question: input_id,
      ...(rests ? { session: { state: "completed" as const } } : {}),
    },
  }
}

/** Says something in the bot's name, outside a turn. Resolves with its place. */
export async function speak(
  { emitter, clock }: ChangeDeps,
  chat: LiveChat,
  text: string,
  trace_id: string,
): Promise<number> {
  const { id: session_id, chat_id, flow_id, chat_type, user_id } = chat.session
  const create_time = timestamp(clock.now())
  const id = newId("message")
  const { seqs } = await emitter.append(chat.session, {
    trace_id,
    create_time,
    guard: { open: true },
    messages: [
      {
        ...{ id, session_id, chat_id, flow_id, chat_type, user_id, is_bot: true, kind: "text", state: "completed" },
        ...{
          message: text,
          parts: [],
          extra: null,
          source: 0,
          turn_id: null,
          client_id: null,
          reply_to: null,
          liked: 0,
          comment: null,
          copied: false,
        },
        ...{ usage: null, create_time, deleted_at: null },
      },
    ],
    events: [{ kind: "result", ref: id, data: null }],
  })
  if (seqs[0] === undefined) throw new ChatError("session_ended")
  return seqs[0]
}
