// Plug-ins that misbehave: the turn ends with a reason, the log names the plug-in, and everybody else goes on.
import { expect, test } from "bun:test"
import { z } from "zod"
import { defineHandler, type Handler, type HandlerEvent } from "../../src/handlers/handler.ts"
import { type Log, silentLog } from "../../src/log.ts"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { until } from "../support/until.ts"

interface Line {
  readonly handler: unknown
  readonly code: unknown
  readonly err: unknown
  readonly text: string
}

/** Keeps what is warned of, with the name of the handler. */
function keepingLog(lines: Line[], fields: Record<string, unknown> = {}): Log {
  const keep = (more: object, text: string) => {
    const { handler, code, err }: Record<string, unknown> = { ...fields, ...more }
    lines.push({ handler, code, err, text })
  }
  return { ...silentLog, warn: keep, error: keep, child: (more) => keepingLog(lines, { ...fields, ...more }) }
}

/** A plug-in as JavaScript may write it: what `run` gives is not held against the types. */
function plugin(run: (signal: AbortSignal, text: string) => unknown): Handler {
  const handler = { name: "rogue", description: "For tests.", options: z.looseObject({}) }
  return defineHandler({
    ...handler,
    run: ({ signal, message }) => run(signal, message.message ?? "") as AsyncIterable<HandlerEvent>,
  })
}

async function* yielding(...events: unknown[]): AsyncGenerator<unknown> {
  yield { type: "text", text: "so far. " }
  yield* events
}

const cyclic: { type: string; self?: unknown } = { type: "step" }
cyclic.self = cyclic
const deep: unknown = JSON.parse(`${"[".repeat(101)}${"]".repeat(101)}`)
const ownCause = new Error("its own cause")
ownCause.cause = ownCause

const rogues: Record<string, { run: (signal: AbortSignal) => unknown; said: string; problem: RegExp }> = {
  "throws before it gives anything back": {
    run() {
      throw new Error("no licence")
    },
    said: "",
    problem: /no licence/,
  },
  "gives back nothing": { run: () => undefined, said: "", problem: /run gave back a value of type undefined/ },
  "gives back a promise": { run: async () => yielding(), said: "", problem: /run gave back a promise/ },
  "gives back a promise that is rejected": {
    run: () => Promise.reject(new Error("later")),
    said: "",
    problem: /run gave back a promise/,
  },
  "gives back a list": { run: () => [{ type: "text", text: "x" }], said: "", problem: /run gave back a value of type/ },
  "yields a word": { run: () => yielding("hello"), said: "so far. ", problem: /yielded something else/ },
  "yields nothing at all": { run: () => yielding(undefined), said: "so far. ", problem: /cannot be kept as JSON/ },
  "yields a number as text": {
    run: () => yielding({ type: "text", text: 7 }),
    said: "so far. ",
    problem: /yielded something else: text/,
  },
  "yields a circle": { run: () => yielding(cyclic), said: "so far. ", problem: /cannot be kept as JSON/ },
  "yields what nests too deeply": {
    run: () => yielding({ type: "usage", usage: {}, more: deep }),
    said: "so far. ",
    problem: /cannot be kept as JSON/,
  },
  "yields a field that throws": {
    run: () =>
      yielding({
        type: "tool",
        get tool() {
          throw new Error("a trap")
        },
      }),
    said: "so far. ",
    problem: /cannot be kept as JSON/,
  },
  "yields a tool without a state": {
    run: () => yielding({ type: "tool", tool: { tool_call_id: "1", name: "t" } }),
    said: "so far. ",
    problem: /yielded something else: tool\.state/,
  },
  "throws a word": {
    async *run() {
      yield* yielding()
      throw "word"
    },
    said: "so far. ",
    problem: /threw what is no error: word/,
  },
  "throws what cannot be told": {
    async *run() {
      yield* yielding()
      throw Object.create(null)
    },
    said: "so far. ",
    problem: /threw what is no error/,
  },
  "throws an error that is its own cause": {
    async *run() {
      yield* yielding()
      throw ownCause
    },
    said: "so far. ",
    problem: /its own cause/,
  },
}

for (const [what, { run, said, problem }] of Object.entries(rogues)) {
  test(`[P6.20] a bot that ${what} fails its turn and no more; the log says whose fault it was and which`, async () => {
    const lines: Line[] = []
    await using chat = await startTestServer({ handlers: { rogue: plugin(run) }, log: keepingLog(lines) })
    const client = await chat.connect({ chat: "c1" })
    for (let turn = 1; turn <= 2; turn++) {
      await client.say("hello")
      const { data } = await client.next("end")
      expect(data).toMatchObject({ state: "failed", reason: "handler_failed", error: { code: "handler_failed" } })
      expect(JSON.stringify(data)).not.toMatch(problem)
    }
    const results = client.events.flatMap((frame) => (frame.type === "result" ? [frame.data.message] : []))
    expect(results).toEqual(said === "" ? [] : [said, said])
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({ handler: "rogue", code: "handler_failed" })
    expect(String(lines[0]?.err)).toMatch(problem)
  })
}

const floods: Record<string, { env: Record<string, string>; event: (number: number) => HandlerEvent; why: RegExp }> = {
  "a letter at a time": {
    env: { CHAT_MAX_EVENTS_PER_SECOND: "5000" },
    event: () => ({ type: "text", text: "x" }),
    why: /5000 events in a second/,
  },
  "empty texts": {
    env: { CHAT_MAX_TURN_EVENTS: "20000" },
    event: () => ({ type: "text", text: "" }),
    why: /20000 events in a turn/,
  },
  "one step again and again": {
    env: { CHAT_MAX_TURN_EVENTS: "20000" },
    event: () => ({ type: "step", step: { step_id: "1", name: "s", state: "running" } }),
    why: /20000 events in a turn/,
  },
  "ever new tools": {
    env: { CHAT_MAX_ANSWER_PARTS: "50" },
    event: (number) => ({ type: "tool", tool: { tool_call_id: `${number}`, name: "t", state: "running" } }),
    why: /more than 50 parts/,
  },
  "large results": {
    env: { CHAT_MAX_PARTS_LENGTH: "100000" },
    event: (number) => ({
      type: "tool",
      tool: { tool_call_id: `${number}`, name: "t", state: "completed", output: "x".repeat(10_000) },
    }),
    why: /parts of more than 100000/,
  },
  "one large result after another in the same place": {
    env: { CHAT_MAX_PARTS_LENGTH: "100000", CHAT_MAX_ANSWER_LENGTH: "100000" },
    event: () => ({
      type: "tool",
      tool: { tool_call_id: "1", name: "t", state: "completed", output: "x".repeat(90_000) },
    }),
    why: /characters of events in a turn/,
  },
  titles: {
    env: {},
    event: (number) => ({ type: "title", title: `title ${number}` }),
    why: /20 titles/,
  },
  "large checkpoints": {
    env: { CHAT_MAX_PARTS_LENGTH: "10000", CHAT_MAX_ANSWER_LENGTH: "10000" },
    event: () => ({ type: "checkpoint", checkpoint: "x".repeat(30_000) }),
    why: /characters of events in a turn/,
  },
}

for (const [what, { env, event, why }] of Object.entries(floods)) {
  test(`[P6.20] a bot that floods with ${what} is stopped, and what it set going is told so`, async () => {
    const lines: Line[] = []
    const stopped = Promise.withResolvers<void>()
    const flood = plugin(async function* (signal) {
      signal.addEventListener("abort", () => stopped.resolve())
      yield { type: "text", text: "before. " }
      for (let number = 1; ; number++) yield event(number)
    })
    await using chat = await startTestServer({ handlers: { rogue: flood }, env, log: keepingLog(lines) })
    const client = await chat.connect({ chat: "c1" })
    await client.say("hello")
    expect((await client.next("result")).data.message).toMatch(/^before\. /)
    const { data } = await client.next("end")
    expect(data).toMatchObject({ state: "failed", reason: "handler_flooded", error: { retry: false } })
    await stopped.promise
    expect(lines).toMatchObject([{ handler: "rogue", code: "handler_flooded" }])
    expect(String(lines[0]?.err)).toMatch(why)
  })
}

test("[P6.20] while one bot floods without ever waiting, the turns of another chat take their usual time", async () => {
  const flood = plugin(async function* (signal, text) {
    yield { type: "text", text: "begun" }
    if (text === "flood") while (!signal.aborted) yield { type: "text", text: "" }
  })
  const env = { CHAT_MAX_EVENTS_PER_SECOND: "1000000000", CHAT_MAX_TURN_EVENTS: "1000000000" }
  await using chat = await startTestServer({ handlers: { rogue: flood }, env })
  const quiet = await chat.connect({ chat: "quiet" })
  await quiet.join()
  const slowest = async () => {
    const times: number[] = []
    for (let turn = 0; turn < 30; turn++) {
      const asked = performance.now()
      await quiet.say("hello")
      await quiet.next("end")
      times.push(performance.now() - asked)
    }
    return times.sort((a, b) => a - b)[27] ?? 0
  }
  await slowest()
  const alone = await slowest()
  const loud = await chat.connect({ chat: "loud" })
  await loud.say("flood")
  await loud.next("progress")
  const beside = await slowest()
  await loud.send({ type: "interrupt", data: {} })
  expect((await loud.next("end")).data).toMatchObject({ state: "interrupted" })
  expect(beside).toBeLessThan(alone + 100)
})

for (const [what, hang] of Object.entries({
  "waits for ever": async function* () {
    yield { type: "text", text: "so far" }
    await new Promise(() => {})
  },
  "goes on for ever": async function* () {
    yield { type: "text", text: "so far" }
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      yield { type: "text", text: "" }
    }
  },
  "never lets go": () => ({
    [Symbol.asyncIterator]() {
      let told = false
      return {
        next: () => {
          if (told) return new Promise(() => {})
          told = true
          return Promise.resolve({ done: false, value: { type: "text", text: "so far" } })
        },
        return: () => new Promise(() => {}),
      }
    },
  }),
})) {
  test(`[P6.20] a bot that ${what} ends by its flow's timeout, by the clock; its text is kept and the next turn runs`, async () => {
    const lines: Line[] = []
    const clock = new FakeClock()
    const handlers = { rogue: plugin((_, text) => (text === "hang" ? hang() : yielding())) }
    const flows = [{ flow_id: "*", handler: "rogue", timeout_s: 60 }]
    await using chat = await startTestServer({ handlers, flows, clock, log: keepingLog(lines) })
    const client = await chat.connect({ chat: "c1" })
    await client.join()
    await client.say("hang")
    await client.next("progress")
    await client.say("and now?")
    await clock.advance(59_999)
    expect(client.events.map(({ type }) => type)).toEqual(["message", "message"])
    await clock.advance(1)
    expect((await client.next("result")).data).toMatchObject({ message: "so far", state: "failed" })
    const { data } = await client.next("end")
    expect(data).toMatchObject({ state: "failed", reason: "handler_timeout", error: { retry: true } })
    expect(data.error?.message).toContain("60")
    expect((await client.next("end")).data).toMatchObject({ state: "completed" })
    expect(lines).toMatchObject([{ handler: "rogue", code: "handler_timeout" }])
  })

  test(`[P6.20] a bot that ${what} does not hold up a stop`, async () => {
    await using chat = await startTestServer({ handlers: { rogue: plugin(hang) } })
    const client = await chat.connect({ chat: "c1" })
    await client.say("hello")
    await client.next("progress")
    const stopped = performance.now()
    await client.send({ type: "interrupt", data: {} })
    expect((await client.next("end")).data).toMatchObject({ state: "interrupted", reason: "stopped" })
    expect(performance.now() - stopped).toBeLessThan(500)
  })
}

test("[P6.20] a bot that goes on after its stop is named in the log, so that somebody corrects it", async () => {
  const lines: Line[] = []
  const clock = new FakeClock()
  const deaf = plugin(async function* () {
    yield { type: "text", text: "begun" }
    await new Promise(() => {})
  })
  await using chat = await startTestServer({ handlers: { rogue: deaf }, clock, log: keepingLog(lines) })
  const client = await chat.connect({ chat: "c1" })
  await client.say("hello")
  await client.next("progress")
  await client.send({ type: "interrupt", data: {} })
  await client.next("end")
  expect(lines).toEqual([])
  await clock.advance(5000)
  expect(lines).toMatchObject([{ handler: "rogue", text: expect.stringContaining("does not obey its signal") }])
})

test("[P6.20] a turn that ended in time leaves no timer behind", async () => {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler }, clock })
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  await client.settled()
  const timers = clock.waiting
  await client.say("hello")
  ;(await bot.run()).done()
  await client.next("end")
  await until(() => clock.waiting <= timers, "the timers of the turn to be gone")
})
