// A handler that is stopped, or that nobody reads any more, has to end soon and leave nothing going on.
import type { Check } from "./checks.ts"
import { collect, type Run } from "./context.ts"
import { CheckFailure, must, promptly, type Subject, say, told, within } from "./trial.ts"

const soon = `it does not end within ${promptly} ms`

/** For as long as it can be made to run. */
function long({ endless, options }: Subject): { readonly options: unknown } {
  return { options: endless ?? options }
}

export const stopChecks: readonly Check[] = [
  {
    name: "stopped before the start, it ends promptly and does not begin",
    async run(subject) {
      const run = collect(say(subject, "Hello", { ...long(subject), signal: AbortSignal.abort("stopped") }))
      const { events } = await within(promptly, run, soon)
      must(events.length <= 1, `it yields ${events.length} events although its signal is aborted`)
      return undefined
    },
  },
  {
    name: "stopped in the middle, it ends promptly and leaves nothing behind",
    async run(subject) {
      const controller = new AbortController()
      const begun = Promise.withResolvers<void>()
      const run = collect(say(subject, "Hello", { ...long(subject), signal: controller.signal }), () => {
        controller.abort("stopped")
        begun.resolve()
      })
      await firstOf(subject, run, begun.promise)
      if (!controller.signal.aborted) return "it ended before it could be stopped"
      const { events } = await within(promptly, run, `${soon} of its stop`)
      must(
        events.length <= 2,
        `after its stop it yields ${events.length - 1} events more; look at the signal before each`,
      )
      await subject.quiet?.()
      return undefined
    },
  },
  {
    name: "left in the middle by its reader, it ends promptly and leaves nothing behind",
    async run(subject) {
      const stop = new AbortController()
      const iterator = say(subject, "Hello", { ...long(subject), signal: stop.signal })[Symbol.asyncIterator]()
      const first = iterator.next()
      await firstOf(subject, first, first)
      await within(
        promptly,
        Promise.try(() => iterator.return?.()),
        `${soon} when nobody reads on`,
      )
      await subject.quiet?.()
      stop.abort("the check is over")
      return undefined
    },
  },
]

/** Waits for the first event, or the end if there is none. */
async function firstOf(subject: Subject, run: Promise<Run | unknown>, begun: Promise<unknown>): Promise<void> {
  const { patience_ms } = subject
  try {
    await within(patience_ms, Promise.race([begun, run]), `nothing comes within ${patience_ms / 1000} s`)
  } catch (error) {
    throw error instanceof CheckFailure ? error : new CheckFailure(`it throws ${told(error)}`)
  }
}
