// A bot whose words the test says, one by one.
import { z } from "zod"
import { defineHandler, type Handler, type HandlerContext, type HandlerEvent } from "../../src/handlers/handler.ts"

/** One run of the bot, in the test's hands. */
export interface ScriptedRun {
  readonly context: HandlerContext
  /** Yields an event; resolves when the service asks for the next one. */
  yield(event: HandlerEvent): Promise<void>
  say(text: string): Promise<void>
  /** Ends the run. */
  done(): void
  /** Ends the run by throwing. */
  fail(error: unknown): void
  /** Resolves when the service stopped listening. */
  readonly returned: Promise<void>
}

export interface ScriptedHandler {
  readonly handler: Handler
  /** The next run that began, in order. */
  run(): Promise<ScriptedRun>
  readonly runs: number
}

export function scriptedHandler(name = "scripted", { resumable = false } = {}): ScriptedHandler {
  const begun: ScriptedRun[] = []
  const waiting: ((run: ScriptedRun) => void)[] = []
  let runs = 0

  const handler = defineHandler({
    name,
    description: "says what the test says",
    resumable,
    options: z.looseObject({}),
    run(context) {
      runs += 1
      const { run, events } = scriptedRun(context)
      const next = waiting.shift()
      if (next) next(run)
      else begun.push(run)
      return events
    },
  })
  return {
    handler,
    run() {
      const run = begun.shift()
      return run ? Promise.resolve(run) : new Promise((resolve) => waiting.push(resolve))
    },
    get runs() {
      return runs
    },
  }
}

function scriptedRun(context: HandlerContext): { run: ScriptedRun; events: AsyncIterable<HandlerEvent> } {
  type Step = { event: HandlerEvent; taken: () => void } | { end: true } | { error: unknown }
  const steps: Step[] = []
  const returned = Promise.withResolvers<void>()
  let wake = () => {}

  const push = (step: Step) => {
    steps.push(step)
    wake()
  }
  async function* play(): AsyncGenerator<HandlerEvent> {
    try {
      for (;;) {
        const step = steps.shift()
        if (!step) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        if ("end" in step) return
        if ("error" in step) throw step.error
        yield step.event
        step.taken()
      }
    } finally {
      returned.resolve()
    }
  }
  const say = (event: HandlerEvent) => new Promise<void>((taken) => push({ event, taken }))
  // A generator that waits in an `await` does not notice `return`; so its end is told by the signal as well.
  context.signal.addEventListener("abort", () => returned.resolve(), { once: true })
  return {
    events: play(),
    run: {
      context,
      yield: say,
      say: (text) => say({ type: "text", text }),
      done: () => push({ end: true }),
      fail: (error) => push({ error }),
      returned: returned.promise,
    },
  }
}
