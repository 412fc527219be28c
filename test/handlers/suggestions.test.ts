// What a model suggests to ask next, as the event that a handler yields.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { HandlerEvent } from "../../src/handlers/handler.ts"
import model from "../../src/handlers/model.ts"
import { suggestionsOf } from "../../src/handlers/suggestions.ts"
import { startModelServer } from "../support/model-server.ts"
import { collect, context, joined } from "./context.ts"

const question = { id: `msg_${"0".repeat(32)}`, kind: "text" as const, message: "How is Rome?", parts: [] }
const { signal } = new AbortController()
const request = { question, answer: "Sunny.", count: 3, signal, clock: systemClock }

test.each([
  ["What about tomorrow?\nAnd Milan?", ["What about tomorrow?", "And Milan?"]],
  ['1. "One?"\n2) Two?\n- Three?\n* Four?', ["One?", "Two?", "Three?"]],
  ["Same?\nSame?\n\n", ["Same?"]],
  ["<think>\nhm\n</think>\n明天怎么样？", ["明天怎么样？"]],
])("[P6.18] %j suggests %j", async (said, questions) => {
  await using service = await startModelServer()
  service.mock.onMessage(/Rome/, { content: said })
  const event = await suggestionsOf({ base_url: service.url, name: "m" }, request)
  expect(event).toEqual({ type: "suggestions", questions })
  expect(HandlerEvent.parse(event)).toEqual({ type: "suggestions", questions })
  expect(JSON.stringify(service.bodies())).toContain("Sunny.")
})

test("[P6.18] a model that suggests nothing gives no event; one that fails says so without its own words", async () => {
  await using service = await startModelServer()
  service.mock.onMessage(/Rome/, { content: "\n" })
  expect(await suggestionsOf({ base_url: service.url, name: "m" }, request)).toBeUndefined()
  const url = service.answerRaw({ status: 500, headers: {}, body: "my secret" })
  const failed = await suggestionsOf({ base_url: url, name: "m", api_key: "the-key" }, request).catch((e: unknown) => e)
  expect(failed).toMatchObject({ code: "model_failed" })
  expect(Bun.inspect(failed)).not.toMatch(/my secret|the-key/)
})

test("[P6.18] the model handler gives suggestions when its option asks for them, and its answer when they fail", async () => {
  await using service = await startModelServer()
  service.mock.onMessage(/^<person>/, { content: "And tomorrow?" })
  service.mock.onMessage(/Rome/, { content: "Sunny." })
  const options = await model.options.parseAsync({ base_url: service.url, suggestions: 2 })
  const { events, error } = await collect(model.run(context({ options, text: "How is Rome?" })))
  expect(error).toBeUndefined()
  expect(joined(events)).toBe("Sunny.")
  expect(events.at(-1)).toEqual({ type: "suggestions", questions: ["And tomorrow?"] })
  const without = await model.options.parseAsync({ base_url: service.url })
  expect((await collect(model.run(context({ options: without, text: "How is Rome?" })))).events).not.toContainEqual(
    expect.objectContaining({ type: "suggestions" }),
  )
})
