// What each type of frame does. Answers to the sender alone are sent from here; everything else comes back over the bus.
import type { Caller } from "../chat/follower.ts"
import { timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { ClientFrame } from "../protocol/client-frame.ts"
import type { Connection } from "./connection.ts"

/** A frame's place among those of its socket. */
export interface Place {
  readonly trace_id: string
  /** Those before it are answered. */
  readonly before: Promise<void> | null
  /** Those after it may be looked at. */
  inLine(): void
}

/** Handles one frame; rejects with a ChatError when it is refused. */
export async function handleFrame(connection: Connection, frame: ClientFrame, place: Place): Promise<void> {
  const { chats, deps, principal, language } = connection
  const { manager } = deps
  const { trace_id, before, inLine } = place
  const chat_id = frame.chat_id ?? chats.home
  if (chat_id === null) return
  const caller: Caller = { principal, language, trace_id, inLine }
  const ack = (seq: number | null, dup = false) => {
    if (frame.id !== undefined)
      connection.acknowledge({ type: "ack", data: { id: frame.id, seq, dup }, trace_id, chat_id, id: frame.id })
  }

  switch (frame.type) {
    case "start":
      await chats.join(chat_id, { ...frame.data, trace_id })
      return ack(null)
    case "message": {
      const session_id = await chats.sessionOf(chat_id, trace_id)
      manager.moment.typing(session_id, connection, false)
      const { seq, dup } = await manager.handleMessage(session_id, frame, caller)
      await before
      return ack(seq, dup)
    }
    case "interrupt": {
      const id = await chats.sessionOf(chat_id, trace_id)
      const { result, turn_id, seq } = await manager.interrupt(
        principal,
        { id },
        { ...frame.data, wait_ms: 0, trace_id },
      )
      if (result === "too_late") {
        const data = { turn_id, result, by: principal.user_id }
        connection.sendFrame({ type: "interrupt", data, trace_id, chat_id })
      }
      return ack(seq)
    }
    case "end":
      return ack(await manager.endSession(await chats.sessionOf(chat_id, trace_id), caller))
    case "status": {
      const id = await chats.sessionOf(chat_id, trace_id)
      if (frame.data.typing !== undefined) {
        manager.moment.typing(id, connection, frame.data.typing)
        return ack(null)
      }
      connection.sendFrame({ type: "status", data: await manager.status({ id }), trace_id, chat_id })
      return ack(null)
    }
    case "ping":
      connection.sendFrame({ type: "pong", data: {}, trace_id })
      return ack(null)
    case "auth": {
      const fresh = await deps.verify(frame.data.token)
      if (fresh.user_id !== principal.user_id) throw new ChatError("forbidden")
      connection.principal = fresh
      connection.sendFrame({ type: "auth", data: { expires_at: timestamp(fresh.expires_at) }, trace_id })
      return ack(null)
    }
    case "ack":
      // It joins no chat: what was not shown was not read (P7.7).
      if (chats.isJoined(chat_id))
        manager.moment.read(await chats.sessionOf(chat_id, trace_id), principal, frame.data.seq)
      return ack(null)
    // A sign of life, and that is all (P7.2); the inbox has noted it.
    case "pong":
      return ack(null)
  }
}
