// Searching what was said, over the real service: found about a second later, and not when it is gone.
import { expect, test } from "bun:test"
import { z } from "zod"
import { routes } from "../../src/protocol/rest.ts"
import { FakeClock } from "../support/clock.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { until } from "../support/until.ts"

const Answer = z.object({ data: routes.search.data })

async function find(server: TestServer, q: string, user = 1) {
  const response = await server.fetch(`/chat/search?q=${encodeURIComponent(q)}`, { user })
  expect(response.status).toBe(200)
  const { items } = Answer.parse(await response.json()).data
  return items.map(({ is_bot, snippet: { text, marks } }) => [
    is_bot,
    ...marks.map(([from, to]) => text.slice(from, to)),
  ])
}

/** Lets the time go on until the index knows. */
async function indexed(server: TestServer, clock: FakeClock, q: string, user = 1): Promise<void> {
  let found = 0
  const look = async () => {
    while (found === 0) {
      await clock.advance(1000)
      found = (await find(server, q, user)).length
    }
  }
  await Promise.all([look(), until(() => found > 0, `${q} to be found`)])
}

test("what a person and the bot said is found by its words a moment later, by its owner alone, and not once it is deleted", async () => {
  const clock = new FakeClock()
  const bot = scriptedHandler()
  await using server = await startTestServer({ clock, handlers: { scripted: bot.handler } })
  const client = await server.connect({ chat: "c" })
  await client.say("巴黎今天的天气 Café")
  const run = await bot.run()
  await run.say("The Café and 天气")
  run.done()
  const { data: answer } = await client.next("result")
  const other = await server.connect({ user: 2, chat: "c" })
  await other.say("天气")
  await indexed(server, clock, "天气", 2)
  expect(await find(server, "天气")).toEqual([
    [true, "天气"],
    [false, "天气"],
  ])
  expect(await find(server, "cafe")).toEqual([
    [true, "Café"],
    [false, "Café"],
  ])
  await server.fetch(`/chat/message/delete?chat_id=c&message_id=${answer.id}`, { method: "DELETE" })
  expect(await find(server, "天气")).toEqual([[false, "天气"]])
  await server.fetch("/chat/session/c", { method: "DELETE" })
  expect(await find(server, "天气")).toEqual([])
})

test("what was stored before the service was there to index it is found after its next start", async () => {
  const clock = new FakeClock()
  const handlers = { scripted: scriptedHandler().handler }
  await using first = await startTestServer({ clock, handlers })
  const client = await first.connect({ chat: "c" })
  await client.say("said at the last moment")
  await first.stop()
  await using second = await startTestServer({ clock, handlers, folder: first.folder })
  await indexed(second, clock, "moment")
  expect(await find(second, "moment")).toEqual([[false, "moment"]])
})
