// LINSIGHT on an agent that speaks AG-UI, over real sockets: its work is shown, its questions are durable, a stop reaches it.
import { expect, test } from "bun:test"
import { type AgentServer, calling, finished, saying, startAgent, stuckAfter } from "../support/ag-ui-server.ts"
import type { TestClient } from "../support/client.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const flowsFor = (agent: AgentServer) => [{ chat_type: "LINSIGHT", handler: "ag_ui", options: { url: agent.url } }]
const talk = (chat: TestServer): Promise<TestClient> => chat.connect({ chat: "c1", query: { chat_type: "LINSIGHT" } })

test("[P6.2] the agent's text, tools and steps are streamed and kept", async () => {
  await using agent = await startAgent(function* (input) {
    yield { type: "STEP_STARTED", stepName: "research" }
    yield* calling("call_1", "search", { q: "cats" }, "Tom")
    yield { type: "STEP_FINISHED", stepName: "research" }
    yield* saying("There is Tom.")
    yield finished(input)
  })
  await using chat = await startTestServer({ flows: flowsFor(agent) })
  const client = await talk(chat)
  await client.say("Find cats")
  expect((await client.next("end")).data).toMatchObject({ state: "completed" })
  const result = client.frames.find(({ type }) => type === "result")
  expect(result?.data).toMatchObject({
    message: "There is Tom.",
    parts: [
      { type: "step", name: "research", state: "completed" },
      { type: "tool", name: "search", state: "completed", input: { q: "cats" }, output: "Tom" },
    ],
  })
  expect(client.streamed()).toBe("There is Tom.")
})

test("[P6.7] an agent's interrupt outlives a restart of the service; the answer resumes its run on the same thread", async () => {
  const properties = { city: { type: "string", enum: ["Rome", "Paris"] } }
  const responseSchema = { type: "object", required: ["city"], properties }
  await using agent = await startAgent(function* (input) {
    const payload = input.resume?.[0]?.payload
    if (payload) {
      yield* saying(`Booked ${payload.city}.`)
      yield finished(input)
      return
    }
    yield* saying("Gladly.")
    const interrupts = [{ id: "i1", reason: "input", message: "Where to?", responseSchema }]
    yield finished(input, { outcome: { type: "interrupt", interrupts } })
  })
  await using chat = await startTestServer({ flows: flowsFor(agent) })
  const client = await talk(chat)
  await client.say("Book a trip")
  const { data } = await client.next("end")
  expect(data).toMatchObject({ state: "waiting_input", question: { prompt: "Where to?" } })
  await chat.stop()

  await using again = await startTestServer({ flows: flowsFor(agent), folder: chat.folder })
  const back = await talk(again)
  await back.ask({ type: "message", data: { kind: "input", answer: { city: "Paris" } } })
  expect((await back.next("end")).data).toMatchObject({ state: "completed" })
  expect(back.frames.findLast(({ type }) => type === "result")?.data).toMatchObject({ message: "Booked Paris." })
  expect(agent.inputs[1]?.threadId).toBe(agent.inputs[0]?.threadId ?? "")
})

test("[P6.5] a stop ends the run at the agent; and what came is kept", async () => {
  await using agent = await startAgent((_, line) => stuckAfter("So far", line))
  await using chat = await startTestServer({ flows: flowsFor(agent) })
  const client = await talk(chat)
  await client.say("Work")
  await client.next("progress")
  await client.send({ type: "interrupt" })
  await agent.abandoned()
  expect((await client.next("end")).data).toMatchObject({ state: "interrupted", reason: "stopped" })
  const result = client.frames.find(({ type }) => type === "result")
  expect(result?.data).toMatchObject({ state: "interrupted", message: client.streamed() })
})

test("[P4.5] an agent that goes away in the middle: engine_lost, with what came, and it may be tried again", async () => {
  await using agent = await startAgent((_, line) => stuckAfter("So far", line))
  await using chat = await startTestServer({ flows: flowsFor(agent) })
  const client = await talk(chat)
  await client.say("Work")
  await client.next("progress", () => client.streamed() === "So far")
  agent.cut()
  expect((await client.next("end")).data).toMatchObject({
    state: "failed",
    error: { code: "engine_lost", retry: true },
  })
  expect(client.frames.find(({ type }) => type === "result")?.data).toMatchObject({
    state: "failed",
    message: "So far",
  })
})
