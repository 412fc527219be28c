// What can go wrong with a Bisheng workflow: refusals with HTTP 200, failures, lost runs, silence, and stops.
import { expect, test } from "bun:test"
import { BishengWorkflowOptions } from "../../src/handlers/bisheng-workflow.ts"
import type { Log } from "../../src/log.ts"
import { silentLog } from "../../src/log.ts"
import { FakeClock, turnOfTheLoop } from "../support/clock.ts"
import { envelope } from "../support/fake-bisheng/wire.ts"
import * as up from "../support/fake-bisheng/workflow-script.ts"
import { until } from "../support/until.ts"
import { of, scene, textOf, workflow_id } from "./bisheng-scene.ts"

const invoke = "/api/v2/workflow/invoke"
const stop = "/api/v2/workflow/stop"
const talk: up.Script = function* () {
  const { user_input } = yield up.dialog()
  yield up.outputMsg(`You said: ${user_input}`)
}
const hangs: up.Script = function* () {
  yield up.delta("So far ")
  yield { wait: new Promise(() => undefined) }
}
const json = { "content-type": "application/json" }

/** Everything that was logged, as text, errors with their causes. */
function listening(): { log: Log; lines: string[] } {
  const lines: string[] = []
  const note = (fields: object, text: string) => void lines.push(`${text} ${Bun.inspect(fields)}`)
  const log: Log = { ...silentLog, debug: note, info: note, warn: note, error: note, child: () => log }
  return { log, lines }
}

test("refusals are told by their code, whether as HTTP status or as an envelope with HTTP 200", async () => {
  const cases: [Response, object][] = [
    [envelope(429, "系统正忙，请稍候"), { code: "engine_busy", row: { retry: true } }],
    [envelope(10540, "thread count is full"), { code: "engine_busy" }],
    [envelope(404, "This resource does not exist"), { code: "engine_refused", params: { problem: "engine_missing" } }],
    [envelope(13010, "offline"), { code: "engine_refused", params: { problem: "engine_offline" } }],
    [
      envelope(422, [{ loc: ["body", "x"], msg: "bad", input: "private" }]),
      { code: "engine_refused", params: { status: 422 } },
    ],
    [envelope(403, "No permission to operate"), { code: "engine_unauthorized" }],
    [envelope(19103, "token version"), { code: "engine_unauthorized" }],
    [envelope(500, "Server error"), { code: "engine_failed", row: { retry: true } }],
    [new Response('{"detail":"x"}', { status: 401, headers: json }), { code: "engine_unauthorized" }],
    [
      new Response("busy", { status: 429, headers: { "retry-after": "7" } }),
      { code: "engine_busy", retry_after_ms: 7000 },
    ],
    [new Response("<html>", { status: 502 }), { code: "engine_failed" }],
    [
      new Response(null, { status: 302, headers: { location: "https://elsewhere.example.org/" } }),
      { code: "engine_refused" },
    ],
    [new Response("not json", { headers: json }), { code: "engine_refused" }],
  ]
  await using chat = scene(talk)
  for (const [response, expected] of cases) {
    chat.fake.answerOnce(invoke, () => response)
    const { error, events } = await chat.say("hi")
    expect(error).toMatchObject(expected)
    expect(String((error as Error).cause)).not.toContain("private")
    expect(textOf(events)).toBe("")
    // Nothing was begun, so nothing is stopped; and the next message begins anew.
    expect(chat.fake.sent(stop)).toEqual([])
  }
  expect(textOf((await chat.say("again")).events)).toBe("You said: again")
})

test("a service that cannot be reached is engine_failed, and may be tried again", async () => {
  await using chat = scene(talk)
  await chat.fake[Symbol.asyncDispose]()
  expect((await chat.say("hi")).error).toMatchObject({ code: "engine_failed", row: { retry: true } })
})

test("a workflow that fails says so, in the new form and the old; the reason is for the log alone", async () => {
  for (const reason of [
    up.failure(10541, "Workflow task execution failed", "ZeroDivisionError"),
    "ZeroDivisionError",
  ]) {
    await using chat = scene(function* () {
      yield up.delta("Half an ans")
      yield up.close(reason)
    })
    const { error, events } = await chat.say("go")
    expect(error).toMatchObject({
      code: "engine_failed",
      cause: { message: expect.stringContaining("ZeroDivisionError") },
    })
    expect(textOf(events)).toBe("Half an ans")
    expect(chat.checkpoint).toEqual({ state: "gone" })
  }
  await using full = scene(function* () {
    yield up.close(up.failure(10540, "thread count is full"))
  })
  expect((await full.say("go")).error).toMatchObject({ code: "engine_busy" })
})

test("a stream that ends or breaks without a word is a lost run; it is stopped, and the next message begins another", async () => {
  for (const end of [{ vanish: true } as const, { broken: true } as const]) {
    let lost = true
    const read = Promise.withResolvers<void>()
    await using chat = scene(function* () {
      const { user_input } = yield up.dialog()
      yield up.delta("So far ")
      // A connection that breaks takes along what was not read yet.
      if (lost) yield { wait: read.promise }
      if (lost) yield end
      if (lost) yield { wait: new Promise(() => undefined) }
      yield up.streamEnd(`So far ${user_input}`)
    })
    const { error, events } = await chat.say("one", [], {}, ({ type }) => {
      if (type === "text") read.resolve()
    })
    expect(error).toMatchObject({ code: "engine_lost", row: { retry: true } })
    expect(textOf(events)).toBe("So far ")
    await chat.fake.quiet()
    const [first] = chat.fake.workflows.runs
    expect(chat.fake.sent(stop)).toEqual([{ workflow_id, session_id: first?.id }])
    lost = false
    expect(textOf((await chat.say("two")).events)).toBe("So far two")
    expect(chat.fake.workflows.runs.length).toBe(2)
  }
})

test("stopped in the middle, the run is stopped at Bisheng too, also before it has said which one it is", async () => {
  for (const early of [false, true]) {
    const opened = Promise.withResolvers<void>()
    await using chat = scene(function* () {
      if (early) yield { wait: opened.promise }
      yield up.delta("So far ")
      yield { wait: new Promise(() => undefined) }
    })
    const controller = new AbortController()
    const turn = chat.say("go", [], { signal: controller.signal }, ({ type }) => {
      if (type === "text") controller.abort("stopped")
    })
    await chat.fake.when(() => chat.fake.workflows.readers === 1, "the request")
    if (early) controller.abort("stopped")
    opened.resolve()
    const { error } = await turn
    expect(error).toBeUndefined()
    await chat.fake.quiet()
    expect(chat.fake.workflows.runs).toMatchObject([{ status: "stopped" }])
    expect(chat.fake.sent(stop).length).toBe(1)
  }
})

test("silence for too long is engine_timeout, at the beginning and in the middle, and the run is stopped", async () => {
  for (const first of [true, false]) {
    const clock = new FakeClock()
    await using chat = scene(
      first
        ? function* () {
            yield { wait: new Promise(() => undefined) }
          }
        : hangs,
      {
        first_event_timeout_s: 30,
        idle_timeout_s: 70,
      },
    )
    const said = Promise.withResolvers<void>()
    const turn = chat.say("go", [], { clock }, ({ type }) => {
      if (type === "text") said.resolve()
    })
    await (first ? chat.fake.when(() => chat.fake.workflows.readers === 1, "the request") : said.promise)
    await until(() => clock.waiting === 1, "the deadline")
    await clock.advance(first ? 30_000 : 70_000)
    if (first) {
      // It waits a little longer, to learn which run is to be stopped; in vain here.
      await until(() => clock.waiting === 1, "the patience of the stop")
      await clock.advance(5000)
    }
    expect((await turn).error).toMatchObject({ code: "engine_timeout", params: { seconds: first ? 30 : 70 } })
    if (first) continue
    await chat.fake.quiet()
    expect(chat.fake.sent(stop).length).toBe(1)
  }
})

test("an answer that Bisheng refuses leaves its question open: said again, it is taken", async () => {
  await using chat = scene(function* () {
    const { name } = yield up.form([up.textItem("name", "Name"), up.textItem("city", "City")])
    yield up.outputMsg(`Hello ${name}`)
  })
  await chat.say("hi")
  chat.fake.answerOnce(invoke, () => envelope(429, "busy"))
  const answer = { name: "Ann", city: "Rome" }
  expect((await chat.answer(answer)).error).toMatchObject({ code: "engine_busy" })
  expect(chat.checkpoint).toMatchObject({ state: "waiting" })
  expect(of(await chat.say("hello?"), "question").length).toBe(1)
  expect(textOf((await chat.answer(answer)).events)).toBe("Hello Ann")
})

test("a session that was forgotten begins again: words are said again, a form is asked again with a word about it", async () => {
  await using dialog = scene(function* ({ restarts }) {
    yield up.guideWord("Welcome")
    for (;;) {
      const { user_input } = yield up.dialog()
      yield up.outputMsg(`${restarts}: ${user_input}`)
    }
  })
  await dialog.say("one")
  dialog.fake.workflows.forget(dialog.fake.workflows.runs[0]?.id ?? "")
  expect(textOf((await dialog.answer("two")).events)).toBe("1: two")

  await using form = scene(function* ({ restarts }) {
    yield up.guideWord("Welcome")
    const { name } = yield up.form([up.textItem("name", "Name")])
    yield up.outputMsg(`${restarts}: ${name}`)
  })
  await form.say("hi")
  form.fake.workflows.forget(form.fake.workflows.runs[0]?.id ?? "")
  const again = await form.answer({ name: "Ann" })
  expect(textOf(again.events)).toBe("The workflow no longer waited for this answer and has begun again.")
  expect(of(again, "question").length).toBe(1)
  expect(textOf((await form.answer({ name: "Ann" })).events)).toBe("1: Ann")
})

test("a run that a dead instance left is stopped before another begins, so that two readers never share one", async () => {
  await using chat = scene(talk)
  chat.checkpoint = { state: "running", session_id: "old_async_task_id" }
  expect(textOf((await chat.say("hi")).events)).toBe("You said: hi")
  expect(chat.fake.requests.map(({ path }) => path)).toEqual([stop, invoke, invoke])
  expect(chat.fake.sent(stop)).toEqual([{ workflow_id, session_id: "old_async_task_id" }])
  expect(chat.fake.sent(invoke)[0]).not.toHaveProperty("session_id")
})

test("a checkpoint of another bot is no checkpoint", async () => {
  await using chat = scene(talk)
  chat.checkpoint = { booking: 2 }
  expect(textOf((await chat.say("hi")).events)).toBe("You said: hi")
})

test("events of an unknown name are passed over, those of an unknown shape are a failure", async () => {
  await using chat = scene(function* () {
    yield { ...up.outputMsg("x"), event: "something_new" }
    yield { raw: ": keepalive\n\n" }
    yield up.outputMsg("Fine.")
  })
  expect(textOf((await chat.say("go")).events)).toBe("Fine.")
  await using bad = scene(function* () {
    yield { raw: "data: {broken\n\n" }
  })
  expect((await bad.say("go")).error).toMatchObject({ code: "engine_failed" })
})

test("headers of a gateway are sent, and neither they nor what the person said come into log or error", async () => {
  const secret = "Bearer s3cret-of-the-gateway"
  const headers = { authorization: secret, "x-key": "abcdef-9876" }
  const { log, lines } = listening()
  await using chat = scene(talk, { headers }, { required_headers: headers })
  expect(textOf((await chat.say("hi", [], { log })).events)).toBe("You said: hi")
  const echo = `denied for ${secret} and abcdef-9876, s3cret-of-the-gateway`
  for (const path of [invoke, stop]) chat.fake.answerOnce(path, () => envelope(500, echo))
  chat.checkpoint = { state: "running", session_id: "old" }
  const { error } = await chat.say("hi", [], { log })
  const all = `${lines.join("\n")} ${Bun.inspect(error)}`
  expect(all).toContain("denied for *** and ***")
  for (const word of ["s3cret", "abcdef-9876"]) expect(all).not.toContain(word)
  await using closed = scene(talk, {}, { required_headers: headers })
  expect((await closed.say("hi")).error).toMatchObject({ code: "engine_unauthorized" })
})

test("options: an address with credentials, a wrong id or an unknown key is refused at start-up", () => {
  const good = { base_url: "https://bisheng.example.org/", workflow_id }
  expect(BishengWorkflowOptions.parse(good).base_url).toBe("https://bisheng.example.org")
  for (const bad of [
    { base_url: "https://u:p@x.org" },
    { base_url: "ftp://x" },
    { workflow_id: "1" },
    { colour: "red" },
  ]) {
    expect(BishengWorkflowOptions.safeParse({ ...good, ...bad }).success).toBe(false)
  }
})

test("nothing is left behind by a turn that came to its end", async () => {
  const clock = new FakeClock()
  await using chat = scene(talk)
  await chat.say("hi", [], { clock })
  await turnOfTheLoop()
  expect(clock.waiting).toBe(0)
  await chat.fake.quiet()
})
