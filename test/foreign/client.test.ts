// The protocol from outside: a client in plain Node that shares no code with this project.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { z } from "zod"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

const Saw = z.object({
  joins: z.array(z.object({ recovered: z.boolean(), from: z.int(), top: z.int() })),
  acks: z.array(z.object({ seq: z.int(), dup: z.boolean() })),
  events: z.array(z.object({ seq: z.int(), type: z.string(), id: z.string() })),
  dropped: z.int(),
  gaps: z.int(),
  pieces: z.array(z.object({ offset: z.int(), had: z.int() })),
  streamed: z.string(),
  result: z.string(),
  end: z.object({ state: z.string() }),
})

test("[P5.3, P5.6] a client in Node, cut in the middle of the answer, sees every event once and the whole text", async () => {
  const bot = scriptedHandler()
  await using server = await startTestServer({ handlers: { bot: bot.handler } })
  const url = `${server.url.replace(/^http/, "ws")}/chat/default`
  const child = Bun.spawn(["node", join(import.meta.dir, "client.mjs"), url, await server.token(), "c_foreign"], {
    stdout: "pipe",
    stderr: "pipe",
  })
  const told = linesOf(child.stderr)
  const next = async () => (await told.next()).value

  expect(await next()).toBe("joined")
  const run = await bot.run()
  await run.say("Once upon 漢 ")
  expect(await next()).toBe("cut")
  await run.say("a 😀 time ")
  const other = await server.connect({ chat: "c_foreign" })
  await other.say("meanwhile, from another device")
  expect(await next()).toBe("joined")
  await run.say("there was a service 👩‍👩‍👧 ")
  await run.say("that lost nothing.")
  run.done()
  const saw = Saw.parse(await child.stdout.json())
  expect(await next()).toBeUndefined()
  expect(await child.exited).toBe(0)
  ;(await bot.run()).done()

  const text = "Once upon 漢 a 😀 time there was a service 👩‍👩‍👧 that lost nothing."
  expect([saw.streamed, saw.result, saw.end.state]).toEqual([text, text, "completed"])
  expect(saw.events.map(({ seq, type }) => [seq, type])).toEqual([
    [1, "message"],
    [2, "message"],
    [3, "result"],
    [4, "end"],
  ])
  expect(saw.joins.map(({ recovered, from }) => [recovered, from])).toEqual([
    [true, 0],
    [true, 1],
  ])
  expect([saw.acks.map(({ seq }) => seq), saw.dropped, saw.gaps]).toEqual([[1], 0, 0])
})

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = ""
  const decoder = new TextDecoder()
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    yield* lines
  }
  if (rest) yield rest
}
