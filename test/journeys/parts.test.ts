// What a bot says besides text: words to begin with, suggestions, citations, files. Live, late, kept, taken back.
import { expect, test } from "bun:test"
import type { HandlerEvent } from "../../src/handlers/handler.ts"
import { textOf } from "../../src/handlers/messages.ts"
import type { Part } from "../../src/protocol/message.ts"
import type { TestClient } from "../support/client.ts"
import { type ScriptedRun, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

const guide = { words: "我可以帮你查天气", questions: ["How is it in Rome?", "And tomorrow?"] }
const citation = { citation_id: "c1", title: "Almanac", url: "https://a.test/1", quote: "sunny" }
const file = { name: "plan.pdf", url: "https://a.test/plan.pdf", mime_type: "application/pdf", size: 9 }
const questions = ["What about Milan?"]

const events: HandlerEvent[] = [
  { type: "guide", guide },
  { type: "text", text: "Sunny" },
  { type: "citation", citation: { citation_id: "c1", title: "Draft" } },
  { type: "citation", citation },
  { type: "file", file },
  { type: "suggestions", questions: ["first thought?"] },
  { type: "suggestions", questions },
]
/** The last word on each, in the order in which they began. */
const kept: Part[] = [
  { type: "guide", ...guide },
  { type: "citation", ...citation },
  { type: "file", ...file },
  { type: "suggestions", questions },
]

async function scene() {
  const bot = scriptedHandler("scripted", { resumable: true })
  const server = await startTestServer({ handlers: { scripted: bot.handler } })
  return { bot, server, client: await server.connect({ chat: "c" }) }
}

async function say(run: ScriptedRun, all: readonly HandlerEvent[]) {
  for (const event of all) await run.yield(event)
}

/** As a client shows it while it is being said: by part_id the last word, in order; a higher generation begins anew. */
function shownBy(client: TestClient): Part[] {
  let generation = 1
  const parts = new Map<string, Part>()
  for (const frame of client.frames) {
    if (frame.type !== "progress") continue
    if ((frame.data.generation ?? 1) > generation) parts.clear()
    generation = Math.max(generation, frame.data.generation ?? 1)
    if (frame.data.kind === "part") parts.set(frame.data.part_id, frame.data.part)
  }
  return [...parts.values()]
}

test("[P6.18] guide words and questions, suggestions, citations and files are told as they come, and kept with the message", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  await client.say("how is the weather?")
  const run = await bot.run()
  await say(run, events)
  await client.settled()
  expect(shownBy(client)).toEqual(kept)
  run.done()
  const result = await client.next("result")
  expect(result.data.parts).toEqual(kept)
  expect(result.data.message).toBe("Sunny")
  const back = await server.connect({ chat: "c" })
  const [, , replayed] = await back.join({ cursor: 0 })
  expect(replayed).toEqual(result)
  const fresh = await (await server.connect({ chat: "c" })).join()
  expect(fresh[0]).toMatchObject({ data: { snapshot: [{}, { parts: kept }] } })
})

test("[P5.6, P6.18] whoever comes while they are being said gets the last word on each, before the text", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  await client.say("how is the weather?")
  const run = await bot.run()
  await say(run, events)
  const late = await server.connect({ chat: "c" })
  const frames = await late.join()
  const told: unknown[] = frames.flatMap((frame) => {
    if (frame.type !== "progress") return []
    return [frame.data.kind === "part" ? frame.data.part : frame.data.kind]
  })
  expect(told).toEqual([...kept, "text"])
  await run.yield({ type: "suggestions", questions: ["And now?"] })
  await late.next("progress", ({ data }) => data.kind === "part" && data.part.type === "suggestions")
  run.done()
  expect((await late.next("result")).data.parts.at(-1)).toEqual({ type: "suggestions", questions: ["And now?"] })
})

test("[P6.9, P6.18] a run that goes on from a checkpoint keeps the parts up to it, and takes back what came after", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  await client.say("how is the weather?")
  const first = await bot.run()
  await say(first, [
    { type: "guide", guide },
    { type: "text", text: "Sunny" },
    { type: "citation", citation },
  ])
  await first.yield({ type: "checkpoint", checkpoint: { at: 1 } })
  await say(first, [
    { type: "file", file },
    { type: "suggestions", questions: ["lost?"] },
  ])
  await client.settled()
  await server.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: server.folder })
  const second = await bot.run()
  expect(second.context).toMatchObject({ resuming: true, checkpoint: { at: 1 } })
  const back = await again.connect({ chat: "c" })
  await back.join({ cursor: 1 })
  expect(shownBy(back)).toEqual(kept.slice(0, 2))
  await second.yield({ type: "suggestions", questions })
  second.done()
  expect((await back.next("result")).data.parts).toEqual([...kept.slice(0, 2), { type: "suggestions", questions }])
})

test("[P6.18] a bot that is not as it should be with its parts fails, and what it said before is kept", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  const wrong: object[] = [
    { type: "suggestions", questions: [] },
    { type: "guide", guide: { questions: Array.from({ length: 21 }, () => "q") } },
    { type: "citation", citation: { citation_id: "c", title: "t", url: "javascript:alert(1)" } },
    { type: "file", file: { name: "a", url: "file:///etc/passwd", mime_type: "text/plain" } },
  ]
  for (const event of wrong) {
    await client.say("again")
    const run = await bot.run()
    await run.yield({ type: "guide", guide })
    void run.yield(event as HandlerEvent)
    expect((await client.next("result")).data).toMatchObject({ state: "failed", parts: [{ type: "guide", ...guide }] })
    expect((await client.next("end")).data).toMatchObject({ state: "failed", reason: "handler_failed" })
  }
})

test("[P6.18] they are no words of the bot: later turns do not read guide words, suggestions or citations as text", async () => {
  const { bot, server, client } = await scene()
  await using _ = server
  await client.say("how is the weather?")
  const run = await bot.run()
  await say(run, events)
  run.done()
  await client.next("end")
  await client.say("and now?")
  const [exchange] = (await bot.run()).context.history
  if (!exchange) throw new Error("there is no history")
  expect(exchange.answer.parts).toEqual(kept)
  const words = textOf(exchange.answer)
  expect(words).toContain("Sunny")
  for (const other of [guide.words, ...guide.questions, ...questions, citation.quote])
    expect(words).not.toContain(other)
})
