// A plug-in's run, kept within bounds: each event is checked, there are so many and no more, and between them the other
// chats have their turn. What a plug-in does without ever waiting (an endless loop of its own) cannot be stopped in one thread.
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { type CheckedEvent, HandlerEvent } from "../handlers/handler.ts"
import { problemOf } from "../language/problem.ts"
import type { Log } from "../log.ts"
import { isTooDeep } from "../protocol/ids.ts"
import { jsonParameter } from "../store/json.ts"
import { type Heard, hear } from "./hear.ts"

export interface Bounds {
  /** One that is not text counts as ten: it is told to everybody at once, and text is gathered before. */
  readonly max_events_per_second: number
  readonly max_turn_events: number
  /** UTF-16 units of all that is yielded, also of what takes the place of something before. */
  readonly max_turn_length: number
}

export interface ContainedDeps {
  readonly clock: Clock
  /** Names the handler. */
  readonly log: Log
  readonly bounds: Bounds
  readonly signal: AbortSignal
}

/** So many events are taken before everything else that is ready gets its turn. */
const share = 64
/** A name is a durable event each time. */
const maxTitles = 20
/** Milliseconds after which a handler that was stopped, and goes on, is named in the log. */
const grace = 5000

/**
 * Tells the events of a run, one after the other, until they end, `heard` has enough, or the signal aborts. Rejects with a
 * ChatError: `handler_failed`, `handler_flooded`, or the handler's own.
 */
export async function contained(
  run: () => unknown,
  deps: ContainedDeps,
  heard: (event: CheckedEvent) => true | undefined,
): Promise<void> {
  const { clock, signal } = deps
  const count = counting(deps)
  let taken = 0
  try {
    await hear(iterable(run()), {
      signal,
      left: (returned) => watch(returned, deps),
      heard: (yielded): Heard => {
        const event = checked(yielded)
        count(event)
        if (heard(event)) return true
        taken += 1
        // A generator that never waits would otherwise let nothing else happen in this process.
        return taken % share === 0 ? new Promise((resolve) => clock.soon(() => resolve(undefined))) : undefined
      },
    })
  } catch (thrown) {
    throw ChatError.within(thrown) ?? new ChatError("handler_failed", { cause: errorOf(thrown) })
  }
}

function counting({ clock, bounds }: ContainedDeps): (event: CheckedEvent) => void {
  const { max_events_per_second, max_turn_events, max_turn_length } = bounds
  let second = clock.now()
  let within = 0
  let events = 0
  let length = 0
  let titles = 0
  return (event) => {
    const spoken = event.type === "text" || event.type === "reasoning"
    const weight = spoken ? 1 : 10
    const now = clock.now()
    // Less than none: the time of day was set back.
    if (now - second >= 1000 || now < second) {
      second = now
      within = 0
    }
    within += weight
    events += weight
    length += spoken ? event.text.length : JSON.stringify(event).length
    titles += event.type === "title" ? 1 : 0
    if (within > max_events_per_second) flooded(`more than ${max_events_per_second} events in a second`)
    if (events > max_turn_events) flooded(`more than ${max_turn_events} events in a turn`)
    if (length > max_turn_length) flooded(`more than ${max_turn_length} characters of events in a turn`)
    if (titles > maxTitles) flooded(`more than ${maxTitles} titles in a turn`)
  }
}

export function flooded(what: string): never {
  throw new ChatError("handler_flooded", { cause: new Error(`the handler yielded ${what}`) })
}

function iterable(given: unknown): AsyncIterable<unknown> {
  if (isIterable(given)) return given
  // Nobody will look at what comes of it.
  if (given instanceof Promise) given.catch(() => undefined)
  const what = given instanceof Promise ? "a promise" : given === null ? "null" : `a value of type ${typeof given}`
  throw new Error(`run gave back ${what}; it must give back an async iterable, as \`async *run\` does`)
}

function isIterable(given: unknown): given is AsyncIterable<unknown> {
  return (
    typeof given === "object" &&
    given !== null &&
    Symbol.asyncIterator in given &&
    typeof given[Symbol.asyncIterator] === "function"
  )
}

/** What a plug-in yields is checked like any input, as it will be kept; text, the hot path, without the schema. */
function checked(yielded: unknown): CheckedEvent {
  const text = spokenOf(yielded)
  if (text) return text
  let event: unknown
  try {
    event = JSON.parse(jsonParameter(yielded))
    if (isTooDeep(event)) throw new Error("it is nested too deeply")
  } catch (cause) {
    throw new Error("the handler yielded what cannot be kept as JSON", { cause })
  }
  const result = HandlerEvent.safeParse(event)
  if (result.success) return result.data
  throw new Error(`the handler yielded something else: ${problemOf(result.error)}`)
}

/** A copy: what the plug-in does with its own object afterwards is its own business. */
function spokenOf(yielded: unknown): CheckedEvent | undefined {
  if (typeof yielded !== "object" || yielded === null || !("type" in yielded) || !("text" in yielded)) return undefined
  const { type, text } = yielded
  return (type === "text" || type === "reasoning") && typeof text === "string" ? { type, text } : undefined
}

/** Whoever does not obey its signal goes on unheard, and takes its time from everybody: an operator should know. */
function watch(returned: Promise<unknown>, { clock, log }: ContainedDeps): void {
  const cancel = clock.after(grace, () =>
    log.warn({}, `the handler still goes on ${grace / 1000} s after its end; it does not obey its signal`),
  )
  void returned.then(cancel)
}

/** A plug-in may throw anything. */
function errorOf(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  try {
    return new Error(`the handler threw what is no error: ${String(thrown).slice(0, 300)}`)
  } catch {
    return new Error("the handler threw what is no error")
  }
}
