import { expect, spyOn, test } from "bun:test"
import { ChatError } from "../../src/errors.ts"
import model, { ModelOptions } from "../../src/handlers/model.ts"
import { describe as shown } from "../../src/language/language.ts"
import { startModelServer } from "../support/model-server.ts"
import { collect, context, exchange, joined, message } from "./context.ts"

const key = "sk-test-0123456789"

function optionsFor(base_url: string, over: Partial<ModelOptions> = {}): ModelOptions {
  return ModelOptions.parse({ base_url, api_key: key, model: "gpt-test", ...over })
}

function fault(error: unknown): ChatError {
  if (error instanceof ChatError) return error
  throw new Error("not a ChatError", { cause: error })
}

test("it streams the text as it comes", async () => {
  await using server = await startModelServer()
  server.mock.onMessage("Hello", { content: "Good morning, how are you?" }, { chunkSize: 5 })
  const { events, error } = await collect(model.run(context({ options: optionsFor(server.url) })))
  expect(error).toBeUndefined()
  expect(events.slice(0, 2)).toEqual([
    { type: "text", text: "Good " },
    { type: "text", text: "morni" },
  ])
  expect(joined(events)).toBe("Good morning, how are you?")
})

test("an emoji that the service cuts in two arrives whole", async () => {
  await using server = await startModelServer()
  server.mock.onMessage("Hello", { content: "a👍b", reasoning: "🤔" }, { chunkSize: 1 })
  const { events } = await collect(model.run(context({ options: optionsFor(server.url) })))
  expect(events.slice(0, 4)).toEqual([
    { type: "reasoning", text: "🤔" },
    { type: "text", text: "a" },
    { type: "text", text: "👍" },
    { type: "text", text: "b" },
  ])
})

test("the thinking comes as reasoning, before the text", async () => {
  await using server = await startModelServer()
  server.mock.onMessage("Hello", { content: "42", reasoning: "Let me see." }, { chunkSize: 4 })
  const { events } = await collect(model.run(context({ options: optionsFor(server.url, { model: "o3" }) })))
  expect(joined(events, "reasoning")).toBe("Let me see.")
  expect(joined(events)).toBe("42")
  expect(events.map(({ type }) => type).join(" ")).toMatch(/^(reasoning )+(text )+usage$/)
})

test("the usage comes last, with the model that really answered", async () => {
  await using server = await startModelServer()
  const usage = {
    prompt_tokens: 11,
    completion_tokens: 7,
    total_tokens: 18,
    completion_tokens_details: { reasoning_tokens: 3 },
  }
  server.mock.onMessage("Hello", { content: "Hi", model: "gpt-test-2026", usage })
  const { events } = await collect(model.run(context({ options: optionsFor(server.url) })))
  expect(events.at(-1)).toEqual({
    type: "usage",
    usage: expect.objectContaining({ input_tokens: 11, output_tokens: 7, total_tokens: 18, model: "gpt-test-2026" }),
  })
})

test("the service gets the instructions, the history, the files and the settings", async () => {
  await using server = await startModelServer()
  server.mock.onMessage("And this?", { content: "A plan." })
  const file = { type: "file", name: "plan.pdf", url: "https://files.test/1", mime_type: "application/pdf" } as const
  const options = optionsFor(server.url, { system: "Be brief.", temperature: 0.5, max_output_tokens: 100 })
  const history = [
    exchange({ message: "Who are you?" }, { message: "A bot.", parts: [{ type: "reasoning", text: "hm" }] }),
    exchange({ message: null }, { message: "To a deleted question." }),
    exchange({ message: "Silent?" }, { message: "" }),
    exchange({ kind: "input", message: "", parts: [{ type: "input", input_id: "inp_1", answer: { ok: true } }] }, {}),
  ]
  const said = message({ kind: "file", message: "And this?", parts: [file] })
  await collect(model.run(context({ options, history, message: said })))
  expect(server.bodies()).toEqual([
    expect.objectContaining({
      model: "gpt-test",
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.5,
      max_tokens: 100,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Who are you?" },
        { role: "assistant", content: "A bot." },
        { role: "user", content: '{"ok":true}' },
        { role: "assistant", content: "Hello" },
        { role: "user", content: "And this?\n[file] plan.pdf (application/pdf): https://files.test/1" },
      ],
    }),
  ])
})

test("the key and the further headers are sent", async () => {
  await using server = await startModelServer({ auth: { apiKeys: [key] } })
  server.mock.onMessage("Hello", { content: "Hi" })
  const options = optionsFor(server.url, { headers: { "x-team": "chat" } })
  expect(joined((await collect(model.run(context({ options })))).events)).toBe("Hi")
  expect(server.mock.getLastRequest()?.headers["x-team"]).toBe("chat")
})

test("a key that is refused is model_unauthorized", async () => {
  await using server = await startModelServer({ auth: { apiKeys: ["another"] } })
  const { error } = await collect(model.run(context({ options: optionsFor(server.url) })))
  expect(fault(error).code).toBe("model_unauthorized")
})

test("the key reaches neither the caller nor the log, even if the service repeats it", async () => {
  await using server = await startModelServer()
  const refusal = { error: { message: `Incorrect API key provided: ${key}` }, status: 401 }
  server.mock.onMessage("Hello", refusal)
  const { error } = await collect(model.run(context({ options: optionsFor(server.url) })))
  const words = [JSON.stringify(shown(fault(error), "en")), Bun.inspect(error, { depth: 9 })].join()
  expect(words).not.toContain(key)
  expect(words).toContain("401 AI_APICallError Incorrect API key provided: ***")
})

test("a 429 is model_rate_limited with the wait that the service asks for, and is not tried again", async () => {
  await using server = await startModelServer()
  server.mock.onMessage("Hello", { error: { message: "slow down" }, status: 429, retryAfter: 7 })
  const { error } = await collect(model.run(context({ options: optionsFor(server.url) })))
  expect(fault(error)).toMatchObject({ code: "model_rate_limited", retry_after_ms: 7000 })
  expect(server.mock.getRequests()).toHaveLength(1)
})

test.each([400, 404, 422])("a %d is model_refused with the status", async (status) => {
  await using server = await startModelServer()
  server.mock.onMessage("Hello", { error: { message: "no such model" }, status })
  const { error } = await collect(model.run(context({ options: optionsFor(server.url) })))
  expect(fault(error)).toMatchObject({ code: "model_refused", params: { status } })
})

test.each([500, 502, 503])("a %d is model_failed, and nothing is printed", async (status) => {
  await using server = await startModelServer()
  using printed = spyOn(console, "error")
  server.mock.onMessage("Hello", { error: { message: "oh" }, status })
  const { error } = await collect(model.run(context({ options: optionsFor(server.url) })))
  expect(fault(error).code).toBe("model_failed")
  expect(printed).not.toHaveBeenCalled()
})

test("an address where nobody listens is model_failed", async () => {
  const { url } = await startModelServer().then(async (server) => {
    await server[Symbol.asyncDispose]()
    return server
  })
  const { error } = await collect(model.run(context({ options: optionsFor(url) })))
  expect(fault(error).code).toBe("model_failed")
})

test("a redirect is not followed with the key, but refused", async () => {
  await using server = await startModelServer()
  const elsewhere = { status: 307, headers: { location: `${server.url}/chat/completions` }, body: "" }
  const { error } = await collect(model.run(context({ options: optionsFor(server.answerRaw(elsewhere)) })))
  expect(fault(error)).toMatchObject({ code: "model_refused", params: { status: 307 } })
  expect(server.mock.getRequests()).toHaveLength(0)
})

test("a web page instead of an answer is model_failed, and the log says what it was", async () => {
  await using server = await startModelServer()
  const page = { status: 200, headers: { "content-type": "text/html" }, body: "<html>Welcome</html>" }
  const { error } = await collect(model.run(context({ options: optionsFor(server.answerRaw(page)) })))
  expect(fault(error).code).toBe("model_failed")
  expect(fault(error).cause).toMatchObject({ message: expect.stringContaining("content-type text/html") })
})

test("the AI SDK is not loaded before the first request", async () => {
  const transpiler = new Bun.Transpiler({ loader: "ts" })
  for await (const path of new Bun.Glob("src/handlers/**/*.ts").scan()) {
    const imports = transpiler.scanImports(await Bun.file(path).text())
    const early = imports.filter((found) => found.kind === "import-statement" && /^(ai$|@ai-sdk\/)/.test(found.path))
    expect(early).toEqual([])
  }
})
