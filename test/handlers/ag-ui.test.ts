import { expect, spyOn, test } from "bun:test"
import type { RunAgentInput } from "@ag-ui/core"
import { AGUIMock } from "@copilotkit/aimock"
import { ChatError } from "../../src/errors.ts"
import agUi, { AgUiOptions } from "../../src/handlers/ag-ui/ag-ui.ts"
import type { HandlerEvent } from "../../src/handlers/handler.ts"
import { type AgentServer, calling, finished, saying, startAgent, stuckAfter } from "../support/ag-ui-server.ts"
import { freePort } from "../support/port.ts"
import { collect, context, exchange, type Given, joined, message, type Run } from "./context.ts"

function say(
  agent: Pick<AgentServer, "url">,
  over: Partial<Given<unknown>> & { more?: object } = {},
  each?: (event: HandlerEvent) => void,
): Promise<Run> {
  const { more = {}, ...given } = over
  const options = AgUiOptions.parse({ url: agent.url, ...more })
  return collect(agUi.run(context({ ...given, options })), each)
}

function codeOf({ error }: Run): string | undefined {
  return error instanceof ChatError ? error.code : undefined
}

function lastOf<T extends HandlerEvent["type"]>({ events }: Run, type: T): Extract<HandlerEvent, { type: T }> {
  const found = events.findLast((event): event is Extract<HandlerEvent, { type: T }> => event.type === type)
  if (!found) throw new Error(`no ${type} came`)
  return found
}

/** The turn that follows a run, in which the person answers. */
function next(run: Run, asked: ReturnType<typeof message>, answer: unknown) {
  const question = { type: "question" as const, input_id: "inp_1", prompt: "?" }
  const text = typeof answer === "string" ? answer : JSON.stringify(answer)
  return {
    checkpoint: lastOf(run, "checkpoint").checkpoint,
    history: [{ question: asked, answer: message({ is_bot: true, parts: [question] }) }],
    message: message({
      kind: "input",
      message: text,
      parts: [{ type: "input", input_id: "inp_1", answer: JSON.parse(JSON.stringify(answer)) }],
    }),
  }
}

test("text, thinking, tools, steps, sub-agents and usage come through in their order, emoji whole", async () => {
  await using agent = await startAgent(function* (input) {
    yield { type: "STEP_STARTED", stepName: "plan" }
    yield { type: "REASONING_START", messageId: "r1" }
    yield { type: "REASONING_MESSAGE_START", messageId: "r1", role: "reasoning" }
    yield { type: "REASONING_MESSAGE_CONTENT", messageId: "r1", delta: "Let me see." }
    yield { type: "REASONING_MESSAGE_END", messageId: "r1" }
    yield { type: "REASONING_END", messageId: "r1" }
    yield { type: "STEP_FINISHED", stepName: "plan" }
    yield* calling("call_1", "search", { q: "cats" }, '["Tom"]')
    yield { type: "SUBAGENT_STARTED", subagentRunId: "sub_1", name: "writer" }
    yield* saying("a👍b", "m1", 1)
    yield { type: "SUBAGENT_FINISHED", subagentRunId: "sub_1" }
    yield* saying("Done.", "m2")
    yield finished(input, {
      usage: [
        { model: "gpt-x", inputTokens: 10, outputTokens: 2 },
        { model: "gpt-x", inputTokens: 5, outputTokens: 1, totalTokens: 6 },
      ],
    })
  })
  const run = await say(agent)
  expect(run.error).toBeUndefined()
  expect(joined(run.events, "reasoning")).toBe("Let me see.")
  expect(joined(run.events)).toBe("a👍b\n\nDone.")
  expect(run.events.every((event) => !("text" in event) || event.text.isWellFormed())).toBe(true)
  const shown = run.events.flatMap((event) =>
    event.type === "tool"
      ? [`${event.tool.name} ${event.tool.state}`]
      : event.type === "step"
        ? [`${event.step.name} ${event.step.state}`]
        : [],
  )
  expect(shown).toEqual([
    ...["plan running", "plan completed", "search running", "search completed"],
    ...["writer running", "writer completed"],
  ])
  expect(lastOf(run, "tool").tool).toMatchObject({ input: { q: "cats" }, output: '["Tom"]' })
  expect(lastOf(run, "usage").usage).toEqual({
    ...{ input_tokens: 15, output_tokens: 3, total_tokens: 18, model: "gpt-x" },
  })
})

test("a server that others wrote: text, thinking of the old kind, and a tool", async () => {
  const mock = new AGUIMock({ port: 0 })
  mock
    .onMessage("Hello", "Good morning")
    .onReasoning("Think", "Hm.")
    .onToolCall("Weather", "weather", '{"in":"Rome"}', {
      result: "sunny",
    })
  const url = await mock.start()
  try {
    expect(joined((await say({ url }, { text: "Hello" })).events)).toBe("Good morning")
    expect(joined((await say({ url }, { text: "Think" })).events, "reasoning")).toBe("Hm.")
    const { tool } = lastOf(await say({ url }, { text: "Weather" }), "tool")
    expect(tool).toMatchObject({ name: "weather", state: "completed", input: { in: "Rome" }, output: "sunny" })
  } finally {
    await mock.stop()
  }
})

test("the agent gets the thread again with its own messages and state; a conversation that went on elsewhere gets a new one", async () => {
  await using agent = await startAgent(function* (input) {
    yield { type: "STATE_SNAPSHOT", snapshot: { turn: input.messages.length } }
    yield* calling("call_1", "look", {}, "seen")
    yield* saying("Hi.", "agent-message")
    yield finished(input)
  })
  const first = message({ message: "Hello" })
  const run = await say(agent, { message: first, more: { headers: { authorization: "Bearer k" } } })
  expect(agent.headers[0]).toMatchObject({ authorization: "Bearer k" })
  const { checkpoint } = lastOf(run, "checkpoint")
  const history = [{ question: first, answer: message({ is_bot: true, message: "Hi." }) }]
  await say(agent, { text: "And now?", history, checkpoint })
  await say(agent, { text: "And now?", history: [exchange({ message: "Else" }, { message: "Where" })], checkpoint })
  const [one, two, three] = agent.inputs
  expect(two).toMatchObject({ threadId: one?.threadId, state: { turn: 1 } })
  expect(two?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant", "user"])
  expect(two?.messages.at(-2)).toMatchObject({ id: "agent-message", content: "Hi." })
  expect(three?.threadId).not.toBe(one?.threadId)
  expect(three?.messages).toMatchObject([{ content: "Else" }, { content: "Where" }, { content: "And now?" }])
})

/** An agent that asks these, and says how it was answered. */
function asking(interrupts: object[], before: (input: RunAgentInput) => Iterable<object> = () => []) {
  return startAgent(function* (input) {
    if (!input.resume) {
      yield* before(input)
      yield finished(input, { outcome: { type: "interrupt", interrupts } })
      return
    }
    yield* saying(JSON.stringify(input.resume.map(({ status, payload }) => payload ?? status)))
    yield finished(input)
  })
}

test("an interrupt becomes a question with a field for each property, and the answer resumes the run", async () => {
  const responseSchema = {
    type: "object",
    required: ["city", "nights"],
    properties: {
      city: { type: "string", title: "City", enum: ["Rome", "Paris"] },
      nights: { type: "integer", minimum: 1, maximum: 14 },
      mail: { type: "string", format: "email", description: "For the ticket." },
      extras: { type: "array", items: { type: "string", enum: ["tea", "tour"] } },
      wifi: { type: "boolean" },
      odd: { type: "object" },
    },
  }
  await using agent = await asking([{ id: "i1", reason: "input", message: "Which trip?", responseSchema }])
  const asked = message()
  const run = await say(agent, { message: asked })
  expect(run.events.at(-1)).toEqual({
    type: "question",
    prompt: "Which trip?",
    fields: [
      {
        ...{ type: "select", key: "city", label: "City", required: true },
        options: [{ value: "Rome" }, { value: "Paris" }],
      },
      { type: "number", key: "nights", label: "nights", required: true, min: 1, max: 14, integer: true },
      { type: "text", key: "mail", label: "mail", required: false, hint: "For the ticket.", format: "email" },
      {
        ...{ type: "select", key: "extras", label: "extras", required: false, multiple: true },
        options: [{ value: "tea" }, { value: "tour" }],
      },
      { type: "confirm", key: "wifi", label: "wifi", required: false },
    ],
  })
  const answer = { city: "Rome", nights: 3, extras: ["tea"], wifi: { approved: true } }
  const done = await say(agent, next(run, asked, answer))
  expect(joined(done.events)).toBe(JSON.stringify([{ city: "Rome", nights: 3, extras: ["tea"], wifi: true }]))
  expect(agent.inputs[1]).toMatchObject({ threadId: agent.inputs[0]?.threadId, resume: [{ interruptId: "i1" }] })
  expect(agent.inputs[1]?.messages.map(({ content }) => content)).toEqual(["Hello"])
})

test("approval of a tool: its arguments are shown, changed ones and a comment go back under the agent's names", async () => {
  const properties = { approved: { type: "boolean" }, editedArgs: { type: "object" }, reason: { type: "string" } }
  const interrupt = { id: "i1", reason: "tool_call", message: "Send it?", toolCallId: "call_1" }
  const schema = { type: "object", required: ["approved"], properties }
  await using agent = await asking([{ ...interrupt, responseSchema: schema }], () =>
    calling("call_1", "send", { to: "Tom" }),
  )
  const asked = message()
  const run = await say(agent, { message: asked })
  expect(lastOf(run, "tool").tool).toMatchObject({ name: "send", state: "waiting", input: { to: "Tom" } })
  expect(lastOf(run, "question").fields).toMatchObject([
    { type: "confirm", key: "approved", label: "Send it?", value: { to: "Tom" }, editable: true },
  ])
  for (const [answer, payload] of [
    [{ approved: true }, { approved: true }],
    [{ approved: { approved: true, value: { to: "Ann" } } }, { approved: true, editedArgs: { to: "Ann" } }],
    [{ approved: { approved: false, comment: "No!" } }, { approved: false, reason: "No!" }],
  ] as const) {
    expect(joined((await say(agent, next(run, asked, answer))).events)).toBe(JSON.stringify([payload]))
  }
})

test("several interrupts are one question, and each gets its answer; one without a schema takes a text", async () => {
  const schema = { type: "object", required: ["n"], properties: { n: { type: "number" } } }
  await using agent = await asking([
    { id: "i1", reason: "one", responseSchema: schema },
    { id: "i2", reason: "two", message: "And?" },
  ])
  const asked = message()
  const run = await say(agent, { message: asked })
  const keys = (lastOf(run, "question").fields ?? []).map(({ key }) => key)
  expect(keys).toEqual(["q1.n", "q2.answer"])
  const done = await say(agent, next(run, asked, { "q1.n": 4, "q2.answer": "well" }))
  expect(joined(done.events)).toBe('[{"n":4},"well"]')
})

test("a text answers what only wants a text; to anything else it gives the interrupt up, and is said to the agent", async () => {
  await using open = await asking([{ id: "i1", reason: "input", message: "Name?" }])
  const asked = message()
  const named = await say(open, { message: asked })
  expect(joined((await say(open, next(named, asked, "Ann"))).events)).toBe('["Ann"]')

  const responseSchema = { type: "object", required: ["approved"], properties: { approved: { type: "boolean" } } }
  await using strict = await asking([{ id: "i1", reason: "approval", responseSchema }])
  const run = await say(strict, { message: asked })
  expect(joined((await say(strict, next(run, asked, "Wait, what?"))).events)).toBe('["cancelled"]')
  expect(strict.inputs[1]?.messages.at(-1)).toMatchObject({ role: "user", content: "Wait, what?" })
})

test("an agent's expiry is the question's", async () => {
  const expiresAt = new Date(context({ options: {} }).clock.now() + 60_000).toISOString()
  await using agent = await asking([{ id: "i1", reason: "input", expiresAt }])
  const { expires_in_s = 0 } = lastOf(await say(agent), "question")
  expect(expires_in_s).toBeGreaterThan(50)
  expect(expires_in_s).toBeLessThanOrEqual(60)
})

test("a run that fails is engine_failed; its words go to the log and what came is kept", async () => {
  await using printed = spied()
  await using agent = await startAgent(function* () {
    yield* saying("So far")
    yield { type: "RUN_ERROR", message: "database password rejected", code: "E1" }
  })
  const run = await say(agent)
  expect(codeOf(run)).toBe("engine_failed")
  expect(joined(run.events)).toBe("So far")
  expect(run.error).toMatchObject({ params: {}, cause: { message: "E1 database password rejected" } })
  expect(printed.count()).toBe(0)
})

test("a stream that ends, or breaks, without the run's end is engine_lost; a cancelled run too", async () => {
  await using ended = await startAgent(() => saying("So far"))
  await using broken = await startAgent((_, line) => stuckAfter("So far", line))
  await using cancelled = await startAgent(function* (input) {
    yield* saying("So far")
    yield finished(input, { outcome: { type: "cancelled" } })
  })
  for (const agent of [ended, broken, cancelled]) {
    let heard = ""
    const run = await say(agent, {}, (event) => {
      heard += "text" in event ? event.text : ""
      if (heard === "So far") broken.cut()
    })
    expect(codeOf(run)).toBe("engine_lost")
    expect(joined(run.events)).toBe("So far")
  }
})

test("an agent that breaks the rules of the protocol is engine_failed", async () => {
  await using printed = spied()
  await using agent = await startAgent(function* (input) {
    yield { type: "TEXT_MESSAGE_CONTENT", messageId: "never-begun", delta: "?" }
    yield finished(input)
  })
  expect(codeOf(await say(agent))).toBe("engine_failed")
  expect(printed.count()).toBe(0)
})

test.each([
  [401, "engine_unauthorized"],
  [403, "engine_unauthorized"],
  [404, "engine_refused"],
  [422, "engine_refused"],
  [429, "engine_busy"],
  [500, "engine_failed"],
  [503, "engine_busy"],
])("status %i is %s", async (status, code) => {
  await using agent = await startAgent(() => [], { status, headers: { "retry-after": "7" } })
  const { error } = await say(agent)
  expect(error).toMatchObject({ code, retry_after_ms: 7000 })
})

test("an address where nobody listens is engine_failed, and no header reaches the log", async () => {
  const { error } = await say(
    { url: `http://127.0.0.1:${freePort()}/x` },
    { more: { headers: { "x-key": "hush-hush" } } },
  )
  expect(error).toMatchObject({ code: "engine_failed" })
  expect(Bun.inspect(error, { depth: 9 })).not.toContain("hush-hush")
})

test("an agent that falls silent is engine_timeout, before the first event and between two", async () => {
  await using agent = await startAgent((_, line) => stuckAfter("So far", line))
  const run = await say(agent, { more: { idle_timeout_s: 0.3 } })
  expect(run.error).toMatchObject({ code: "engine_timeout", params: { seconds: 0.3 } })
  expect(joined(run.events)).toBe("So far")
  await agent.abandoned()
})

test("the client of the protocol is not loaded before the first run", async () => {
  const transpiler = new Bun.Transpiler({ loader: "ts" })
  for await (const path of new Bun.Glob("src/handlers/ag-ui/*.ts").scan()) {
    const imports = transpiler.scanImports(await Bun.file(path).text())
    expect(imports.filter(({ kind, path: from }) => kind === "import-statement" && from.startsWith("@ag-ui/"))).toEqual(
      [],
    )
  }
})

function spied() {
  const spies = [spyOn(console, "error"), spyOn(console, "warn"), spyOn(console, "log")]
  return {
    count: () => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0),
    async [Symbol.asyncDispose]() {
      for (const spy of spies) spy.mockRestore()
    },
  }
}
