// What a model says when it is asked for a title, made into one.
import { expect, test } from "bun:test"
import { askForTitle, cleanTitle, titleFromWords } from "../../src/handlers/titler.ts"
import { FakeClock } from "../support/clock.ts"
import { startModelServer } from "../support/model-server.ts"

test.each([
  ["A trip to Rome", "A trip to Rome"],
  ['"A trip to Rome."', "A trip to Rome"],
  ["**Title: A trip to Rome**", "A trip to Rome"],
  ["\n\n# A trip\nto Rome", "A trip"],
  ["《北京旅行》", "北京旅行"],
  ["标题：“北京旅行”。", "北京旅行"],
  ["What is 1+1?", "What is 1+1?"],
  [`${"very ".repeat(40)}long`, `${"very ".repeat(12).trimEnd()}…`],
  ['""', undefined],
  ["", undefined],
])("[P6.17] %j is the title %j", (text, title) => {
  expect(cleanTitle(text)).toBe(title)
})

test("[P6.17] the title of a file is its name; what only a bot said names nothing", () => {
  const file = { type: "file" as const, name: "report.pdf", url: "https://a.test/r", mime_type: "application/pdf" }
  expect(titleFromWords([{ is_bot: false, message: "", parts: [file] }])).toBe("report.pdf")
  expect(titleFromWords([{ is_bot: true, message: "Welcome", parts: [] }])).toBeUndefined()
})

test("[P6.17] a model that thinks aloud is not quoted; it reads the beginning of each message, as a conversation", async () => {
  await using server = await startModelServer()
  server.mock.onMessage(/./, { content: "<think>The person wants Rome.</think>\n\nA trip to Rome" })
  const opening = [
    { is_bot: false, message: "x".repeat(5000), parts: [] },
    { is_bot: true, message: "Sure.", parts: [] },
  ]
  const clock = new FakeClock()
  const { signal } = new AbortController()
  expect(await askForTitle({ base_url: server.url, name: "m" }, opening, { signal, clock })).toBe("A trip to Rome")
  expect(JSON.stringify(server.bodies()).length).toBeLessThan(2500)
  expect(JSON.stringify(server.bodies())).toContain("Sure.")
  expect(clock.waiting).toBe(0)
})

test("[P6.17] a model that does not answer in time is given up, and its connection closed", async () => {
  await using server = await startModelServer()
  server.mock.onMessage(/./, { content: "late" }, { latency: 60_000 })
  const clock = new FakeClock()
  const opening = [{ is_bot: false, message: "hello", parts: [] }]
  const asked = askForTitle({ base_url: server.url, name: "m" }, opening, {
    signal: new AbortController().signal,
    clock,
  })
  const failed = asked.catch((error: unknown) => error)
  await server.received()
  await clock.advance(20_000)
  expect(await failed).toMatchObject({ code: "model_failed" })
  await server.abandoned()
})
