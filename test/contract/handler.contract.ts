// What every handler must do, whatever it talks to (handlers/handler.ts). Run it for your own with registerHandlerContract.
import { describe, expect, test } from "bun:test"
import { type Handler, HandlerEvent } from "../../src/handlers/handler.ts"
import type { Part } from "../../src/protocol/message.ts"
import { collect, context, exchange, type Given, joined, message, type Run } from "../handlers/context.ts"

export interface HandlerSubject extends AsyncDisposable {
  readonly handler: Handler
  /** For a run that repeats what the person says somewhere in its answer, in no time. */
  readonly options: unknown
  /** For a run that goes on for much longer than `promptly`, with its first event at once. */
  readonly endless: unknown
  /** For a run that ends with a question, if it can. */
  readonly asking?: unknown
  /** Resolves when nothing that a run started is still going on elsewhere. */
  quiet?(): Promise<void>
}

export interface HandlerContract {
  /** Everything a test needs, with nothing of an earlier test in it. */
  make(): Promise<HandlerSubject>
}

/** Milliseconds in which a handler has to obey. */
const promptly = 500
const unicode = "Zażółć gęślą jaźń — 你好，世界 👩‍👩‍👧‍👦 🇨🇳 שלום مرحبا e\u0301 \u{20BB7}"
const file: Part = { type: "file", name: "a b.pdf", url: "https://files.test/1", mime_type: "application/pdf" }

/** Registers the suite for one handler. */
export function registerHandlerContract(name: string, { make }: HandlerContract): void {
  /** Runs with a context in which nothing can be changed: who tries throws. */
  function say(subject: HandlerSubject, text: string, over: Partial<Given<unknown>> = {}) {
    const { signal, clock, ...rest } = context({ options: subject.options, text, ...over })
    return subject.handler.run({ ...deepFreeze(rest), signal, clock })
  }

  describe(name, () => {
    test("its options accept what it is run with, and it says what it is", async () => {
      await using subject = await make()
      const { handler } = subject
      expect(handler.name).toMatch(/^[a-z][a-z0-9_-]*$/)
      expect(handler.description.length).toBeGreaterThan(0)
      for (const options of [subject.options, subject.endless, subject.asking ?? subject.options]) {
        expect((await handler.options.safeParseAsync(options)).success).toBe(true)
      }
    })

    test("it ends, and its events are as the schema says", async () => {
      await using subject = await make()
      const run = await collect(say(subject, "Hello"))
      expect(run.error).toBeUndefined()
      expectEvents(run)
    })

    test("unicode comes through whole, in pieces that are whole too", async () => {
      await using subject = await make()
      const run = await collect(say(subject, unicode))
      expect(joined(run.events)).toContain(unicode)
      expectEvents(run)
    })

    test("it works without a history and with a long one", async () => {
      await using subject = await make()
      const history = Array.from({ length: 500 }, (_, index) =>
        exchange(
          { message: `question ${index}` },
          { message: `answer ${index}`, parts: [{ type: "reasoning", text: "hm" }] },
        ),
      )
      for (const past of [[], history]) {
        const run = await collect(say(subject, "What now?", { history: past }))
        expect(run.error).toBeUndefined()
        expect(joined(run.events)).toContain("What now?")
      }
    })

    test("it takes files, answers and a message without text", async () => {
      await using subject = await make()
      const answer: Part = { type: "input", input_id: "inp_1", answer: { approved: true } }
      for (const parts of [[file], [answer], []]) {
        const said = message({ message: "", parts })
        expect((await collect(say(subject, "", { message: said }))).error).toBeUndefined()
      }
    })

    test("it changes nothing in its context", async () => {
      await using subject = await make()
      const given = context({ options: subject.options, history: [exchange({}, {})] })
      const { signal, clock, log, files, graphs, ...data } = given
      const before = structuredClone(data)
      await collect(subject.handler.run({ ...data, signal, clock, log, files, graphs }))
      expect(data).toEqual(before)
    })

    test("two runs at the same time know nothing of each other", async () => {
      await using subject = await make()
      const texts = ["alpha alpha alpha", "omega omega omega"]
      const runs = await Promise.all(texts.map((text) => collect(say(subject, text))))
      expect(runs.map(({ events }) => joined(events).includes("alpha"))).toEqual([true, false])
      expect(runs.map(({ events }) => joined(events).includes("omega"))).toEqual([false, true])
    })

    test("stopped before the start, it ends promptly and says nothing", async () => {
      await using subject = await make()
      const started = performance.now()
      const run = await collect(say(subject, "Hello", { options: subject.endless, signal: AbortSignal.abort() }))
      expect(performance.now() - started).toBeLessThan(promptly)
      expect(joined(run.events)).toBe("")
    })

    test("stopped in the middle, it ends promptly and leaves nothing behind", async () => {
      await using subject = await make()
      const controller = new AbortController()
      let stopped = 0
      const run = await collect(say(subject, "Hello", { options: subject.endless, signal: controller.signal }), () => {
        stopped ||= performance.now()
        controller.abort("stopped")
      })
      expect(stopped).toBeGreaterThan(0)
      expect(performance.now() - stopped).toBeLessThan(promptly)
      expect(run.events.length).toBeLessThanOrEqual(2)
      await subject.quiet?.()
    })

    test("left in the middle by its reader, it ends promptly and leaves nothing behind", async () => {
      await using subject = await make()
      let left = 0
      for await (const event of say(subject, "Hello", { options: subject.endless })) {
        expect(event).toBeDefined()
        left = performance.now()
        break
      }
      expect(performance.now() - left).toBeLessThan(promptly)
      await subject.quiet?.()
    })

    test("nothing follows a question", async () => {
      await using subject = await make()
      const run = await collect(say(subject, "Hello", { options: subject.asking ?? subject.options }))
      const question = run.events.findIndex(({ type }) => type === "question")
      expect(question).toBe(subject.asking === undefined ? -1 : run.events.length - 1)
    })
  })
}

function expectEvents({ events }: Run): void {
  expect(events.length).toBeGreaterThan(0)
  for (const event of events) {
    expect(HandlerEvent.parse(event)).toMatchObject(event)
    if ("text" in event) expect(event.text.isWellFormed()).toBe(true)
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
