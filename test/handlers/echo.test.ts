import { expect, test } from "bun:test"
import echo, { EchoOptions } from "../../src/handlers/echo.ts"
import { say } from "../../src/language/language.ts"
import { FakeClock, turnOfTheLoop } from "../support/clock.ts"
import { collect, context, joined, message } from "./context.ts"

const options = EchoOptions.parse({})

test("it says in the caller's language that no model is configured, and repeats the text", async () => {
  for (const language of ["en", "zh"] as const) {
    const { events } = await collect(echo.run(context({ options, language, text: "Good morning" })))
    expect(joined(events)).toBe(say(language, "echo_no_model", { text: "Good morning" }))
  }
})

test("it streams word by word", async () => {
  const { events } = await collect(echo.run(context({ options, text: "one two, three!" })))
  expect(events.slice(-3)).toEqual([
    { type: "text", text: "one " },
    { type: "text", text: "two, " },
    { type: "text", text: "three!" },
  ])
})

test("it streams Chinese, which has no spaces, in words too", async () => {
  const { events } = await collect(echo.run(context({ options, language: "zh", text: "今天天气很好" })))
  expect(events.length).toBeGreaterThan(5)
  expect(joined(events)).toEndWith("今天天气很好")
})

test("it never cuts an emoji of several code points", async () => {
  const { events } = await collect(echo.run(context({ options, text: "👩‍👩‍👧👍🏽".repeat(3) })))
  expect(events.every((event) => "text" in event && event.text.isWellFormed())).toBe(true)
  expect(joined(events)).toEndWith("👩‍👩‍👧👍🏽".repeat(3))
})

test("it gives a long text in no more than max_pieces pieces", async () => {
  const text = "word ".repeat(2000)
  const { events } = await collect(echo.run(context({ options: EchoOptions.parse({ max_pieces: 50 }), text })))
  expect(events.length).toBeLessThanOrEqual(50)
  expect(joined(events)).toEndWith(text)
})

test("it names the files of a message", async () => {
  const file = { type: "file", name: "plan.pdf", url: "https://files.test/1", mime_type: "application/pdf" } as const
  const given = context({ options, message: message({ kind: "file", message: "", parts: [file] }) })
  expect(joined((await collect(echo.run(given))).events)).toContain("plan.pdf (application/pdf): https://files.test/1")
})

test("its delay goes by the clock it is given", async () => {
  const clock = new FakeClock()
  const events = echo.run(context({ options: EchoOptions.parse({ delay_ms: 15 }), clock }))[Symbol.asyncIterator]()
  expect(await events.next()).toMatchObject({ value: { text: "No " } })
  const second = events.next()
  await clock.advance(14)
  expect(clock.waiting).toBe(1)
  await clock.advance(1)
  expect(clock.waiting).toBe(0)
  expect(await second).toMatchObject({ value: { text: "model " } })
})

test("it stops in the middle of a delay", async () => {
  const controller = new AbortController()
  const clock = new FakeClock()
  const given = context({ options: EchoOptions.parse({ delay_ms: 15 }), clock, signal: controller.signal })
  const run = collect(echo.run(given))
  await turnOfTheLoop()
  expect(clock.waiting).toBe(1)
  controller.abort()
  expect((await run).events).toHaveLength(1)
  expect(clock.waiting).toBe(0)
})
