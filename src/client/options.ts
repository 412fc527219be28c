// What a chat is connected with, and what its verbs take.
import type { ChatType } from "../protocol/session.ts"
import type { ClientClock } from "./clock.ts"
import { newId } from "./frame.ts"
import type { WebSocketConstructor } from "./socket.ts"
import type { TokenSource } from "./token.ts"

export interface ChatOptions {
  /** Where the service is: `wss://chat.example.com`; http and https will do as well. */
  readonly url: string
  /** Names the bot. */
  readonly flow_id: string
  /** Which chat; one that is not there yet is made. Default: a new one. */
  readonly chat_id?: string
  /** Only for a new chat. Default: the flow's. */
  readonly chat_type?: ChatType
  readonly token: TokenSource
  /** The `cursor` and `epoch` of an earlier chat object, to go on from there. Default: begin with a snapshot. */
  readonly cursor?: number | null
  readonly epoch?: string | null
  /** Language of error messages: `en`, `zh`. */
  readonly lang?: string
  /** Aborting it is `close()`. */
  readonly signal?: AbortSignal
  /** Default: the global one. Node before 22 has none: pass that of `ws`. */
  readonly WebSocket?: WebSocketConstructor
  readonly clock?: ClientClock
  /** From 0 up to 1, for the pauses between tries. */
  readonly random?: () => number
}

export interface SendOptions {
  /** The message's id for ever: saying it again with the same id is saying it once. 1 to 64 characters. Default: a new one. */
  readonly id?: string
  /** Takes the message back when it has not been sent yet; else only stops waiting. */
  readonly signal?: AbortSignal
}

export interface InterruptOptions extends WaitOptions {
  readonly turn_id?: string | undefined
}

export interface WaitOptions {
  /** Stops waiting; what was waited for rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/**
 * The client names new chats itself: if the service did, a connection that breaks before the name is known would leave
 * a chat behind, and what was sent on it would be sent once more into another one.
 */
export function newChatId(): string {
  return `c_${newId()}`
}

/** Throws TypeError when `url` is not a URL, or `cursor` not a place in a log. */
export function addressOf(options: ChatOptions, chat_id: string): string {
  const { cursor = null } = options
  if (cursor !== null && (!Number.isSafeInteger(cursor) || cursor < 0)) {
    throw new TypeError(`cursor must be an integer from 0, not ${cursor}`)
  }
  const address = new URL(options.url)
  address.protocol = address.protocol.replace(/^http/, "ws")
  address.pathname = `${address.pathname.replace(/\/$/, "")}/chat/${encodeURIComponent(options.flow_id)}`
  address.searchParams.set("chat_id", chat_id)
  if (options.chat_type) address.searchParams.set("chat_type", options.chat_type)
  if (options.lang) address.searchParams.set("lang", options.lang)
  return address.href
}

/** Throws TypeError when there is none. */
export function socketOf(given: WebSocketConstructor | undefined): WebSocketConstructor {
  if (given) return given
  if (typeof WebSocket === "undefined")
    throw new TypeError("There is no global WebSocket: pass one as the WebSocket option")
  return WebSocket
}
