// The whole way with a model service that others wrote: from a socket to the provider and back, and every way it can fail.
import { expect, test } from "bun:test"
import type { TestClient } from "../support/client.ts"
import { startModelServer } from "../support/model-server.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

function serve(url: string, env: Record<string, string> = {}): Promise<TestServer> {
  return startTestServer({
    env: { MODEL_BASE_URL: url, MODEL_API_KEY: "sk-test-0123456789", MODEL_NAME: "gpt-test", ...env },
  })
}

async function history(chat: TestServer, chat_id: string) {
  const answer = await chat.fetch(`/chat/message/history?chat_id=${chat_id}&order=asc`)
  return (
    (await answer.json()) as {
      data: { items: { message: string; state: string; is_bot: boolean; usage: object | null }[] }
    }
  ).data.items
}

async function failed(client: TestClient) {
  const end = await client.next("end")
  return { state: end.data.state, code: end.data.error?.code, retry_after_ms: end.data.error?.retry_after_ms }
}

test("[P4.4] the streamed text equals the result and the stored message, with the usage", async () => {
  await using model = await startModelServer()
  const story = "Once upon a time 从前 there was 👩‍👩‍👧 a service that lost nothing. ".repeat(20)
  model.mock.onMessage(
    "Tell me",
    { content: story, usage: { prompt_tokens: 5, completion_tokens: 90, total_tokens: 95 } },
    { chunkSize: 7 },
  )
  await using chat = await serve(model.url)
  const client = await chat.connect({ chat: "c" })
  await client.say("Tell me")
  await client.next("end")
  const result = client.events.find(({ type }) => type === "result")
  expect(client.streamed()).toBe(story)
  expect(result?.data).toMatchObject({
    message: story,
    usage: { input_tokens: 5, output_tokens: 90, total_tokens: 95 },
  })
  expect(await history(chat, "c")).toMatchObject([
    { message: "Tell me" },
    { message: story, is_bot: true, state: "completed" },
  ])
})

test("[P6.5] a stop in the middle closes the upstream request within 100 ms and keeps the partial text, marked as interrupted", async () => {
  await using model = await startModelServer()
  model.mock.onMessage(
    "Count",
    { content: "one two three four five six seven eight nine ten ".repeat(50) },
    { chunkSize: 8, latency: 20 },
  )
  await using chat = await serve(model.url)
  const client = await chat.connect({ chat: "c" })
  await client.say("Count")
  await client.next("progress")
  const stopped = performance.now()
  await client.send({ type: "interrupt" })
  await model.abandoned()
  expect(performance.now() - stopped).toBeLessThan(100)

  const end = await client.next("end")
  expect(end.data).toMatchObject({ state: "interrupted", reason: "stopped" })
  const result = client.events.find(({ type }) => type === "result")
  expect(result?.data).toMatchObject({ state: "interrupted", message: client.streamed() })
  expect(client.streamed()).toStartWith("one")
  expect(await history(chat, "c")).toMatchObject([
    { message: "Count" },
    { message: client.streamed(), state: "interrupted" },
  ])

  // What was interrupted is no context of the next turn.
  model.mock.onMessage("Again", { content: "once more" })
  await client.say("Again")
  await client.next("end")
  expect(JSON.stringify(model.bodies().at(-1))).not.toContain("one two")
})

test("[P4.5] a service that breaks off in the middle: the text so far is kept, the error says so", async () => {
  await using model = await startModelServer()
  model.mock.onMessage("Tell me", { content: "a long story ".repeat(100) }, { chunkSize: 8, latency: 20 })
  await using chat = await serve(model.url)
  const client = await chat.connect({ chat: "c" })
  await client.say("Tell me")
  await client.next("progress")
  model.cut()
  expect(await failed(client)).toMatchObject({ state: "failed", code: "model_cut" })
  const result = client.events.find(({ type }) => type === "result")
  expect(result?.data).toMatchObject({ state: "failed", message: client.streamed() })
  expect(client.streamed()).toStartWith("a long")
})

test.each([
  [401, {}, { code: "model_unauthorized" }],
  [429, { "retry-after": "7" }, { code: "model_rate_limited", retry_after_ms: 7000 }],
  [400, {}, { code: "model_refused" }],
  [500, {}, { code: "model_failed" }],
] as const)(
  "[P4.4] status %i of the service becomes a typed error, and the next turn works",
  async (status, headers, expected) => {
    await using model = await startModelServer()
    const url = model.answerRaw({
      status,
      headers: { "content-type": "application/json", ...headers },
      body: '{"error":{"message":"no"}}',
    })
    await using chat = await serve(url)
    const client = await chat.connect({ chat: "c" })
    await client.say("Tell me")
    expect(await failed(client)).toMatchObject({ state: "failed", ...expected })
    expect(client.events.map(({ type }) => type)).toEqual(["message", "end"])
    expect(JSON.stringify(client.frames)).not.toContain("sk-test")
    await client.say("Tell me")
    expect(await failed(client)).toMatchObject({ state: "failed" })
  },
)

test("[P4.4] a service that says nothing within the limit is given up, with how long was waited", async () => {
  await using model = await startModelServer()
  const base_url = model.answerRaw({
    status: 200,
    headers: { "content-type": "text/event-stream" },
    body: "",
    open: true,
  })
  await using chat = await startTestServer({
    flows: [{ flow_id: "*", handler: "model", options: { base_url, first_token_timeout_s: 0.2 } }],
  })
  const client = await chat.connect({ chat: "c" })
  await client.say("Tell me")
  expect(await failed(client)).toMatchObject({ state: "failed", code: "model_timeout" })
  await model.abandoned()
})

test("[P4.4] the context is what was asked and answered before", async () => {
  await using model = await startModelServer()
  model.mock.onMessage("first", { content: "one" }).onMessage("second", { content: "two" })
  await using chat = await serve(model.url)
  const client = await chat.connect({ chat: "c" })
  for (const text of ["first", "second"]) {
    await client.say(text)
    await client.next("end")
  }
  expect(model.bodies().at(-1)).toMatchObject({
    messages: [
      { role: "user", content: "first" },
      { role: "assistant", content: "one" },
      { role: "user", content: "second" },
    ],
  })
})

test("[P6.1] an emoji that the service cuts in two arrives whole, in the text as in the thinking", async () => {
  await using model = await startModelServer()
  model.mock.onMessage("Hello", { content: "a👍b👩‍👩‍👧", reasoning: "🤔" }, { chunkSize: 1 })
  await using chat = await serve(model.url)
  const client = await chat.connect({ chat: "c" })
  await client.say("Hello")
  await client.next("end")
  const pieces = client.frames.flatMap((frame) =>
    frame.type === "progress" && "text" in frame.data ? [frame.data] : [],
  )
  expect(pieces.every(({ text }) => text.isWellFormed())).toBe(true)
  expect(client.streamed()).toBe("a👍b👩‍👩‍👧")
  const result = client.events.find(({ type }) => type === "result")
  expect(result?.data).toMatchObject({ message: "a👍b👩‍👩‍👧", parts: [{ type: "reasoning", text: "🤔" }] })
})
