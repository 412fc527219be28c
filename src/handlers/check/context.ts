// Contexts to try a handler with, complete and overridable; and what came of a run.
import { systemClock, timestamp } from "../../clock.ts"
import { newId } from "../../ids.ts"
import { silentLog } from "../../log.ts"
import type { Message } from "../../protocol/message.ts"
import type { Session } from "../../protocol/session.ts"
import type { Exchange, HandlerContext, HandlerEvent } from "../handler.ts"

const start = timestamp(Date.UTC(2026, 0, 1))

export const session: Session = {
  id: newId("session"),
  user_id: 7,
  chat_id: "c_1",
  flow_id: "default",
  chat_type: "NORMAL",
  topic: null,
  logo: null,
  state: "running",
  lifecycle: "active",
  ...{ head: null, likes: 0, dislikes: 0, copies: 0, read_seq: 0 },
  last_seq: 1,
  epoch: "1",
  create_time: start,
  update_time: start,
  deleted_at: null,
}

/** A message of the person, or with `is_bot` of the bot. */
export function message(over: Partial<Message> = {}): Message {
  return {
    id: newId("message"),
    session_id: session.id,
    chat_id: session.chat_id,
    flow_id: session.flow_id,
    chat_type: session.chat_type,
    user_id: session.user_id,
    is_bot: false,
    kind: "text",
    state: "completed",
    message: "Hello",
    parts: [],
    extra: null,
    source: 0,
    seq: 1,
    turn_id: null,
    client_id: null,
    reply_to: null,
    liked: 0,
    comment: null,
    copied: false,
    usage: null,
    create_time: start,
    deleted_at: null,
    ...over,
  }
}

/** What the person asked, and what the bot answered. */
export function exchange(asked: Partial<Message>, answered: Partial<Message>): Exchange {
  return { question: message(asked), answer: message({ is_bot: true, ...answered }) }
}

/** What a handler may use beside the conversation. */
export type Services = Pick<HandlerContext, "files" | "graphs">

export interface Given<Options> extends Partial<HandlerContext<Options>> {
  readonly options: Options
  /** What the person says. */
  readonly text?: string
}

/** Everything a handler is given, on the real clock and never stopped unless said otherwise. */
export function contextWith<Options>(
  services: Services,
  { text = "Hello", ...over }: Given<Options>,
): HandlerContext<Options> {
  return {
    session,
    turn_id: newId("turn"),
    message: message({ message: text }),
    history: [],
    question: null,
    checkpoint: null,
    resuming: false,
    attempt: 1,
    signal: new AbortController().signal,
    clock: systemClock,
    language: "en",
    log: silentLog,
    ...services,
    ...over,
  }
}

export interface Run {
  readonly events: readonly HandlerEvent[]
  /** What it threw, if it did. */
  readonly error: unknown
}

/** Reads a run to its end; `each` sees the events as they come. */
export async function collect(
  events: AsyncIterable<HandlerEvent>,
  each: (event: HandlerEvent) => void | Promise<void> = () => undefined,
): Promise<Run> {
  const seen: HandlerEvent[] = []
  try {
    for await (const event of events) {
      seen.push(event)
      await each(event)
    }
  } catch (error) {
    return { events: seen, error }
  }
  return { events: seen, error: undefined }
}

/** The joined pieces of a type. */
export function joined(events: readonly HandlerEvent[], type: "text" | "reasoning" = "text"): string {
  return events.map((event) => (event.type === type && "text" in event ? event.text : "")).join("")
}
