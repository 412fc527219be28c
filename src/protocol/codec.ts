// Way 2: text -> ClientFrame; and back: ServerFrame -> text, once per frame, whatever the number of clients.
import { z } from "zod"
import { ChatError } from "../errors.ts"
import type { Language } from "../language/language.ts"
import { problemFor } from "../language/problem.ts"
import { ClientFrame } from "./client-frame.ts"
import { ClientId, TraceId } from "./ids.ts"
import type { ServerFrame } from "./server-frame.ts"

/** What could be read of a frame that is refused, so that the refusal finds its way back. */
export interface Labels {
  readonly id?: string
  readonly trace_id?: string
}

export interface Refused extends Labels {
  readonly error: ChatError
}

export type Decoded = { readonly ok: true; readonly frame: ClientFrame } | ({ readonly ok: false } & Refused)

/** Made with the first frame, since it takes some 20 ms: then each is checked in a third of the time. */
let compiled: typeof ClientFrame | undefined

/** Reads one frame (P2.1, P2.6); what is wrong with it is said in `language`. Never throws. */
export function decode(text: string, language: Language = "en"): Decoded {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return { ok: false, error: new ChatError("bad_json", { cause }) }
  }
  if (!isObject(value)) return { ok: false, error: new ChatError("bad_json") }
  try {
    compiled ??= z.compile(ClientFrame)
    const result = compiled.safeParse(value)
    if (result.success) return { ok: true, frame: result.data }
    return {
      ok: false,
      error: new ChatError("bad_frame", {
        params: { problem: problemFor(language, ClientFrame, value, result.error) },
      }),
      ...labelsIn(value),
    }
  } catch (cause) {
    // A deeply nested `answer` makes the recursive JSON schema overflow the stack (RangeError); that is the sender's fault.
    return {
      ok: false,
      error: new ChatError("bad_frame", { params: { problem: "nesting" }, cause }),
      ...labelsIn(value),
    }
  }
}

/** The labels alone, of a frame that is refused whatever it says. Never throws. */
export function labelsOf(text: string): Labels {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? labelsIn(value) : {}
  } catch {
    // Not JSON: there is nothing to read.
    return {}
  }
}

export function encode(frame: ServerFrame): string {
  return JSON.stringify(frame)
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function labelsIn(value: object): Labels {
  const id = ClientId.safeParse("id" in value ? value.id : undefined)
  const trace = TraceId.safeParse("trace_id" in value ? value.trace_id : undefined)
  return { ...(id.success ? { id: id.data } : {}), ...(trace.success ? { trace_id: trace.data } : {}) }
}
