// Frames for tests: complete, with what the test does not care about filled in.
import type { Message } from "../../src/protocol/message.ts"
import type { Joined, ServerFrame, Status } from "../../src/protocol/server-frame.ts"
import type { Session } from "../../src/protocol/session.ts"
import type { TurnOver } from "../../src/protocol/turn.ts"

export const CHAT = "c_test"
const time = "2026-01-01T00:00:00.000Z"
const hex = (n: number) => n.toString(16).padStart(32, "0")

export const messageId = (n: number) => `msg_${hex(n)}`
export const turnId = (n: number) => `trn_${hex(n)}`
export const inputId = (n: number) => `inp_${hex(n)}`

const envelope = { chat_id: CHAT, trace_id: "t" }

export const session: Session = {
  id: `ses_${hex(1)}`,
  user_id: 1,
  chat_id: CHAT,
  flow_id: "default",
  chat_type: "NORMAL",
  topic: null,
  logo: null,
  state: "initialized",
  lifecycle: "active",
  ...{ head: null, likes: 0, dislikes: 0, copies: 0, read_seq: 0 },
  last_seq: 0,
  epoch: "e1",
  create_time: time,
  update_time: time,
  deleted_at: null,
}

export function message(seq: number, over: Partial<Message> = {}): Message {
  return {
    id: messageId(seq),
    session_id: session.id,
    chat_id: CHAT,
    flow_id: "default",
    chat_type: "NORMAL",
    user_id: 1,
    is_bot: false,
    kind: "text",
    state: "completed",
    message: `said ${seq}`,
    parts: [],
    extra: null,
    source: 0,
    seq,
    turn_id: null,
    client_id: null,
    reply_to: null,
    liked: 0,
    comment: null,
    copied: false,
    usage: null,
    create_time: time,
    deleted_at: null,
    ...over,
  }
}

export function said(seq: number, over: Partial<Message> = {}): ServerFrame {
  return { type: "message", data: message(seq, over), seq, ...envelope }
}

export function result(seq: number, over: Partial<Message> = {}): ServerFrame {
  return { type: "result", data: message(seq, { is_bot: true, ...over }), seq, ...envelope }
}

export function over(seq: number, turn: number, more: Partial<TurnOver> = {}): ServerFrame {
  const data: TurnOver = {
    turn_id: turnId(turn),
    state: "completed",
    reason: "done",
    message_id: null,
    error: null,
    question: null,
    ...more,
  }
  return { type: "end", data, seq, ...envelope }
}

/** A piece of the answer `messageId(of)` of turn `turnId(of)`. */
export function delta(of: number, offset: number, text: string, kind: "text" | "reasoning" = "text"): ServerFrame {
  return { type: "progress", data: { kind, turn_id: turnId(of), message_id: messageId(of), offset, text }, ...envelope }
}

export function joined(more: Partial<Joined> = {}): ServerFrame {
  const data: Joined = {
    session,
    recovered: true,
    from: 0,
    top: 0,
    epoch: "e1",
    instance: "i1",
    turns: [],
    question: null,
    here: { devices: 1, users: [{ user_id: 1, devices: 1 }] },
    ...more,
  }
  return { type: "start", data, ...envelope }
}

export function replayed(top: number): ServerFrame {
  return { type: "start", data: { replayed: top }, ...envelope }
}

export function ack(id: string, seq: number | null, dup = false): ServerFrame {
  return { type: "ack", id, data: { id, seq, dup }, ...envelope }
}

export function error(code: string, more: { id?: string; retry?: boolean; retry_after_ms?: number } = {}): ServerFrame {
  const { id } = more
  const data = { code, message: `This is ${code}.`, retry: false, ...more }
  return { type: "error", data, ...envelope, ...(id === undefined ? {} : { id }) }
}

export function status(trace_id: string, more: Partial<Status> = {}): ServerFrame {
  const data: Status = {
    state: "completed",
    lifecycle: "active",
    topic: null,
    logo: null,
    turns: [],
    question: null,
    head: null,
    changed: [],
    ...more,
  }
  return { type: "status", data, ...envelope, trace_id }
}

export function ping(top: number): ServerFrame {
  return { type: "ping", data: { top: { [CHAT]: top } }, trace_id: "t" }
}
