// One handler on trial: runs it as the service would, but with a context that nothing may be changed in, and says what is wrong.
import { delay, systemClock } from "../../clock.ts"
import { ChatError } from "../../errors.ts"
import { problemOf } from "../../language/problem.ts"
import { type Handler, HandlerEvent } from "../handler.ts"
import { collect, contextWith, type Given, type Run, type Services } from "./context.ts"

export interface Subject {
  readonly handler: Handler
  /** For a run that ends by itself, as the handler's schema gives them. */
  readonly options: unknown
  /** For a run that goes on for much longer than `promptly`, with its first event at once. */
  readonly endless?: unknown
  /** For a run that ends with a question. */
  readonly asking?: unknown
  /** With `options` it repeats what the person says somewhere in its answer. */
  readonly repeats: boolean
  readonly services: Services
  /** Milliseconds that a run may take that nobody stops. */
  readonly patience_ms: number
  /** Resolves when nothing that a run started is still going on elsewhere. */
  quiet?(): Promise<void>
}

/** The handler does not do what it must. */
export class CheckFailure extends Error {
  override readonly name = "CheckFailure"
}

export function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new CheckFailure(otherwise)
}

/** Milliseconds in which a handler has to obey. */
export const promptly = 500

type Over = Partial<Given<unknown>>

/** The events of a run on `text`. */
export function say(
  { handler, options, services }: Subject,
  text: string,
  over: Over = {},
): AsyncIterable<HandlerEvent> {
  const { signal, clock, log, files, graphs, ...data } = contextWith(services, { options, text, ...over })
  return handler.run({ ...deepFreeze(data), signal, clock, log, files, graphs })
}

/** Reads a run to its end, which must come and be a good one. */
export async function finished(subject: Subject, text: string, over: Over = {}): Promise<Run> {
  const stop = new AbortController()
  const run = collect(say(subject, text, { signal: stop.signal, ...over }))
  try {
    const ended = await within(subject.patience_ms, run, `it does not end within ${subject.patience_ms / 1000} s`)
    must(ended.error === undefined, `it throws ${told(ended.error)}`)
    return ended
  } finally {
    stop.abort("the check is over")
  }
}

/** What `work` gives, unless it takes longer than it may. */
export async function within<T>(ms: number, work: Promise<T>, otherwise: string): Promise<T> {
  const done = new AbortController()
  const late = delay(systemClock, ms, done.signal).then(() => done.signal)
  try {
    const first = await Promise.race([work.then((value) => ({ value })), late])
    if ("value" in first) return first.value
    throw new CheckFailure(otherwise)
  } finally {
    done.abort()
  }
}

/** Every event is one, and can be sent and kept as it is. */
export function mustBeEvents(events: readonly HandlerEvent[]): void {
  events.forEach((event, index) => {
    const which = `event ${index + 1} (${JSON.stringify(event)?.slice(0, 100)})`
    const checked = HandlerEvent.safeParse(event)
    must(checked.success, `${which} is none: ${checked.error ? problemOf(checked.error) : ""}`)
    if ("text" in event) must(event.text.isWellFormed(), `${which} ends or begins in the middle of a character`)
  })
}

export function told(error: unknown): string {
  if (error instanceof ChatError) return `ChatError ${error.code}${error.cause ? ` (${told(error.cause)})` : ""}`
  return error instanceof Error ? `${error.name}: ${error.message}` : `what is no error: ${String(error)}`
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
