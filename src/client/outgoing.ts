// What goes out and is answered: a frame of the client, and what can be wrong with it before it is sent.
import { ClientError } from "./error.ts"

/** The answer to a frame: its place in the log, null when it left nothing there; `dup` when it was there before. */
export interface Ack {
  readonly id: string
  readonly seq: number | null
  readonly dup: boolean
}

export interface Outgoing {
  readonly type: "message" | "end" | "interrupt" | "status"
  readonly data: object
  readonly id: string
  /** False: when the connection breaks, nobody can tell whether it worked, and doing it twice would be wrong. */
  readonly repeatable: boolean
  readonly signal: AbortSignal | undefined
}

/** Bytes. A frame above 1 MiB is not refused: it closes the socket, for good (P2.5, P8.1). */
const FRAME_MOST = 1_048_576 - 1024
/** Messages that change others: they have no place of their own in the log, so nothing can come after them (P3.7). */
const changing = new Set(["edit", "feedback", "regenerate", "switch"])

/** Has it no place of its own in the log? */
export function isChanging(data: object): boolean {
  return "kind" in data && changing.has(String(data.kind))
}

/** What the service could not answer with the frame's id, or would close the socket for. */
export function faultOf(id: string, content: string): ClientError | null {
  if (id.length < 1 || id.length > 64 || !id.isWellFormed() || id.includes("\0")) {
    return new ClientError("bad_frame", "An id is 1 to 64 characters of well-formed text", { id })
  }
  const large = content.length > FRAME_MOST / 3 && new TextEncoder().encode(content).length > FRAME_MOST
  return large ? new ClientError("frame_too_large", "The message is too large to be sent", { id }) : null
}

export function conflict(id: string): ClientError {
  return new ClientError("id_conflict", "Something else with this id is on its way", { id })
}

export function lostOnTheWay(id: string): ClientError {
  return new ClientError("connection_lost", "The connection broke before the answer came", { retry: true, id })
}
