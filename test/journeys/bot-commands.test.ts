// Commands of a bot: a turn like any other, after the service's own.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

const commands = [
  { name: "sum", description: "adds numbers: /sum <numbers>" },
  { name: "title", description: "the service's own comes first" },
]

async function scene(flow: { kinds?: readonly string[] } = {}) {
  const bot = scriptedHandler()
  const chat = await startTestServer({
    handlers: { scripted: { ...bot.handler, commands } },
    flows: [{ flow_id: "*", handler: "scripted", ...flow }],
  })
  const client = await chat.connect({ chat: "c1" })
  const command = (text: string) => client.ask({ type: "message", data: { kind: "command", command: text } })
  const reply = async (text: string) => {
    await command(text)
    return (await client.next("result")).data
  }
  return { bot, chat, client, command, reply }
}

test("[P3.10] a command of the bot becomes its turn, with the words as they were said; it waits in line", async () => {
  const { bot, chat, client, command } = await scene()
  await using _ = chat
  await client.say("first")
  const first = await bot.run()
  expect(await command(" /SUM 1 2  3 ")).toMatchObject({ type: "ack", data: { seq: 2 } })
  expect(bot.runs).toBe(1)
  first.done()
  const run = await bot.run()
  expect(run.context.message).toMatchObject({ kind: "command", message: " /SUM 1 2  3 ", is_bot: false })
  await run.say("6")
  run.done()
  const result = await client.next("result", ({ data }) => data.message === "6")
  expect(result.data).toMatchObject({ state: "completed", reply_to: run.context.message.id })
})

test("[P3.10] the service's own come first, and what neither knows is answered with the list of both", async () => {
  const { bot, chat, reply } = await scene()
  await using _ = chat
  expect((await reply("/title Adding")).message).toContain("Adding")
  const help = (await reply("/help")).message ?? ""
  expect(help).toContain("/sum - adds numbers")
  expect(help).not.toContain("comes first")
  expect((await reply("/product 2 3")).message).toContain(help)
  expect(bot.runs).toBe(0)
})

test("[P3.10] a bot whose entry takes no commands is not asked, and its commands are not listed", async () => {
  const { bot, chat, reply } = await scene({ kinds: ["text"] })
  await using _ = chat
  expect((await reply("/sum 1 2")).message).toContain("sum")
  expect((await reply("/help")).message).not.toContain("/sum")
  expect(bot.runs).toBe(0)
})

test("[P3.10] a command that is sent again is the same turn", async () => {
  const { bot, chat, client } = await scene()
  await using _ = chat
  const frame = { type: "message", data: { kind: "command", command: "/sum 1" }, id: "same" } as const
  expect(await client.ask(frame)).toMatchObject({ data: { seq: 1, dup: false } })
  expect(await client.ask({ ...frame })).toMatchObject({ type: "ack" })
  const run = await bot.run()
  run.done()
  await client.next("end")
  expect(bot.runs).toBe(1)
})
