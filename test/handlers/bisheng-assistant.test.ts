// A Bisheng assistant: the conversation goes along, pieces come as they are, and its ways of failing are told apart.
import { expect, test } from "bun:test"
import assistant, { BishengAssistantOptions } from "../../src/handlers/bisheng-assistant.ts"
import type { Assistant } from "../support/fake-bisheng/assistants.ts"
import { FakeBisheng, type FakeBishengOptions } from "../support/fake-bisheng/server.ts"
import { cut, envelope } from "../support/fake-bisheng/wire.ts"
import { collect, context, exchange, type Given, joined } from "./context.ts"

const path = "/api/v2/assistant/chat/completions"
const assistant_id = "0c7a1b2c-edb2-488d-8ccb-701aed1c737d"

function scene(says: Assistant, options: object = {}, fakeOptions: FakeBishengOptions = {}) {
  const fake = new FakeBisheng(fakeOptions)
  fake.assistants.publish(assistant_id, says)
  const parsed = BishengAssistantOptions.parse({ base_url: fake.url, assistant_id, ...options })
  return {
    fake,
    say: (text: string, over: Partial<Given<unknown>> = {}) =>
      collect(assistant.run(context({ ...over, options: parsed, text }))),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
}

test("the conversation is sent as messages, and the answer streams, thinking apart, in whole characters", async () => {
  await using chat = scene(function* ({ messages }) {
    yield { content: "" }
    yield { reasoning_content: "Hm, " }
    yield { reasoning_content: "\ud83e" }
    yield { reasoning_content: "\udd14" }
    yield { content: `${messages.length}: 你` }
    yield { content: "好" }
  })
  const history = [exchange({ message: "one" }, { message: "two" }), exchange({ message: "left out" }, { message: "" })]
  const run = await chat.say("three", { history })
  expect(run.error).toBeUndefined()
  expect([joined(run.events, "reasoning"), joined(run.events)]).toEqual(["Hm, 🤔", "3: 你好"])
  const messages = [
    { role: "user", content: "one" },
    { role: "assistant", content: "two" },
    { role: "user", content: "three" },
  ]
  expect(chat.fake.sent(path)).toEqual([{ model: assistant_id, messages, stream: true }])
})

test("a model that cannot stream answers in one piece", async () => {
  await using chat = scene(function* () {
    yield { content: "All at once.", finish: true }
  })
  expect(joined((await chat.say("hi")).events)).toBe("All at once.")
})

test("an error that is said as if it were the answer is a failure, and its words are not shown", async () => {
  await using chat = scene(function* () {
    yield { content: "So far. " }
    yield { content: "Error-free: the tool broke", finish: true }
  })
  const { error, events } = await chat.say("hi")
  expect(error).toMatchObject({ code: "engine_failed", cause: { message: "the tool broke" } })
  expect(joined(events)).toBe("So far. ")
})

test("words of an answer that only look like an error are words", async () => {
  await using chat = scene(function* () {
    yield { content: "Error-free: that is how your code should be." }
  })
  expect(await chat.say("hi")).toMatchObject({ error: undefined, events: [{ type: "text" }] })
})

test("refusals: HTTP 500 with words, busy with HTTP 200, an error event, a lost stream", async () => {
  await using chat = scene(function* () {
    yield { content: "Half " }
    yield cut
  })
  expect((await chat.say("hi")).error).toMatchObject({ code: "engine_lost", row: { retry: true } })
  chat.fake.assistants.publish(assistant_id, () => {
    throw "no model is set"
  })
  expect((await chat.say("hi")).error).toMatchObject({
    code: "engine_failed",
    cause: { message: "bisheng answered 500: no model is set" },
  })
  chat.fake.answerOnce(path, () => envelope(429, "系统正忙，请稍候"))
  expect((await chat.say("hi")).error).toMatchObject({ code: "engine_busy" })
  chat.fake.assistants.publish(assistant_id, function* () {
    yield 'data: {"error": {"message": "quota", "code": 429}}\n\n'
  })
  expect((await chat.say("hi")).error).toMatchObject({ code: "engine_busy" })
  chat.fake.answerOnce(path, () => new Response("data: {}\n\n", { headers: { "content-type": "text/event-stream" } }))
  expect((await chat.say("hi")).error).toMatchObject({ code: "engine_lost" })
})

test("stopped, or left alone for too long, it closes its request", async () => {
  await using chat = scene(
    function* () {
      yield { content: "So far " }
      yield new Promise<void>(() => undefined)
    },
    { idle_timeout_s: 0.05 },
  )
  expect((await chat.say("hi")).error).toMatchObject({ code: "engine_timeout", params: { seconds: 0.05 } })
  await chat.fake.quiet()
  const controller = new AbortController()
  const stopped = chat.say("hi", { signal: controller.signal })
  await chat.fake.when(() => chat.fake.assistants.readers === 1, "the request")
  controller.abort("stopped")
  expect((await stopped).error).toBeUndefined()
  await chat.fake.quiet()
})

test("headers of a gateway are sent, and stay out of errors", async () => {
  const headers = { "x-api-key": "abcdef-123456" }
  await using chat = scene(
    function* () {
      yield { content: "Hello" }
    },
    { headers },
    { required_headers: headers },
  )
  expect(joined((await chat.say("hi")).events)).toBe("Hello")
  chat.fake.answerOnce(path, () => envelope(500, "key abcdef-123456 is wrong"))
  expect(Bun.inspect((await chat.say("hi")).error)).not.toContain("abcdef-123456")
})
