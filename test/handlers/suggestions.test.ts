// What a model suggests to ask next, as the event that a handler yields.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { HandlerEvent } from "../../src/handlers/handler.ts"
import { suggestionsOf } from "../../src/handlers/suggestions.ts"
import { startModelServer } from "../support/model-server.ts"

const question = { id: `msg_${"0".repeat(32)}`, kind: "text" as const, message: "How is Rome?", parts: [] }
const { signal } = new AbortController()
const request = { question, answer: "Sunny.", count: 3, signal, clock: systemClock }

test.each([
  ["What about tomorrow?\nAnd Milan?", ["What about tomorrow?", "And Milan?"]],
  ['1. "One?"\n2) Two?\n- Three?\n* Four?', ["One?", "Two?", "Three?"]],
  ["Same?\nSame?\n\n", ["Same?"]],
  ["<think>\nhm\n</think>\n明天怎么样？", ["明天怎么样？"]],
])("[P6.18] %j suggests %j", async (said, questions) => {
  await using model = await startModelServer()
  model.mock.onMessage(/Rome/, { content: said })
  const event = await suggestionsOf({ base_url: model.url, name: "m" }, request)
  expect(event).toEqual({ type: "suggestions", questions })
  expect(HandlerEvent.parse(event)).toEqual({ type: "suggestions", questions })
  expect(JSON.stringify(model.bodies())).toContain("Sunny.")
})

test("[P6.18] a model that suggests nothing gives no event; one that fails says so without its own words", async () => {
  await using model = await startModelServer()
  model.mock.onMessage(/Rome/, { content: "\n" })
  expect(await suggestionsOf({ base_url: model.url, name: "m" }, request)).toBeUndefined()
  const url = model.answerRaw({ status: 500, headers: {}, body: "my secret" })
  const failed = await suggestionsOf({ base_url: url, name: "m", api_key: "the-key" }, request).catch((e: unknown) => e)
  expect(failed).toMatchObject({ code: "model_failed" })
  expect(Bun.inspect(failed)).not.toMatch(/my secret|the-key/)
})
