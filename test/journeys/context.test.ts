// What the bot knows of the conversation: the last complete exchanges, and nothing else.
import { expect, test } from "bun:test"
import type { TestClient } from "../support/client.ts"
import { type ScriptedHandler, type ScriptedRun, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene(limit: string) {
  const bot = scriptedHandler()
  const env = { CHAT_MAX_HISTORY_MESSAGES: limit }
  const chat = await startTestServer({ handlers: { scripted: bot.handler }, env })
  return { bot, chat, client: await chat.connect({ chat: "c1" }) }
}

async function turn(client: TestClient, bot: ScriptedHandler, text: string, finish: (run: ScriptedRun) => unknown) {
  await client.say(text)
  const run = await bot.run()
  await run.say(`answer to ${text}`)
  await finish(run)
  await client.next("end")
}

const done = (run: ScriptedRun) => run.done()

async function known(client: TestClient, bot: ScriptedHandler): Promise<(string | null)[]> {
  await client.say("what do you know?")
  const run = await bot.run()
  run.done()
  await client.next("end")
  return run.context.history.flatMap(({ question, answer }) => [question.message, answer.message])
}

test("[P6.5] the context is the last max_history_messages messages of complete exchanges, oldest first", async () => {
  const { bot, chat, client } = await scene("4")
  await using _ = chat
  for (const text of ["1", "2", "3"]) await turn(client, bot, text, done)
  const expected = ["2", "answer to 2", "3", "answer to 3"]
  expect(await known(client, bot)).toEqual(expected)
  await chat.stop()
  await using again = await startTestServer({
    ...{ handlers: { scripted: bot.handler }, folder: chat.folder },
    env: { CHAT_MAX_HISTORY_MESSAGES: "4" },
  })
  expect(await known(await again.connect({ chat: "c1" }), bot)).toEqual(expected)
})

test("[P6.5] what was interrupted or failed is not context; what was asked back is", async () => {
  const { bot, chat, client } = await scene("50")
  await using _ = chat
  await turn(client, bot, "done", done)
  await turn(client, bot, "stopped", () => client.ask({ type: "interrupt" }))
  await turn(client, bot, "failed", (run) => run.fail(new Error("no")))
  await turn(client, bot, "asked", (run) => void run.yield({ type: "question", prompt: "Which?" }))
  const expected = ["done", "answer to done", "asked", "answer to asked"]
  expect(await known(client, bot)).toEqual(expected)
  await chat.stop()
  await using again = await startTestServer({ handlers: { scripted: bot.handler }, folder: chat.folder })
  expect(await known(await again.connect({ chat: "c1" }), bot)).toEqual(expected)
})

test("[P6.5] a turn that waited in line knows the ones before it", async () => {
  const { bot, chat, client } = await scene("50")
  await using _ = chat
  for (const text of ["1", "2", "3"]) await client.say(text)
  for (const text of ["1", "2"]) {
    const run = await bot.run()
    await run.say(`answer to ${text}`)
    run.done()
  }
  const { history } = (await bot.run()).context
  expect(history.map(({ question }) => question.message)).toEqual(["1", "2"])
})

test("[P6.5] with room for one message only there is no context: an exchange is two", async () => {
  const { bot, chat, client } = await scene("1")
  await using _ = chat
  await turn(client, bot, "1", done)
  expect(await known(client, bot)).toEqual([])
})

test("[P6.5] a checkpoint is handed from turn to turn, also past a turn that left none of its own", async () => {
  const { bot, chat, client } = await scene("50")
  await using _ = chat
  const seen: unknown[] = []
  const checkpoint = { step: 1, deep: [{ a: null }] }
  const plans: ((run: ScriptedRun) => unknown)[] = [
    (run) => run.yield({ type: "checkpoint", checkpoint }).then(() => run.done()),
    done,
    () => client.ask({ type: "interrupt" }),
    (run) => run.fail(new Error("no")),
    done,
  ]
  for (const plan of plans) {
    await turn(client, bot, "go on", async (run) => {
      seen.push(run.context.checkpoint)
      await plan(run)
    })
  }
  expect(seen).toEqual([null, checkpoint, checkpoint, checkpoint, checkpoint])
})

test("[P6.5] a checkpoint outlives a message that is taken out of the line, and a turn that a crash cut short", async () => {
  const bot = scriptedHandler()
  await using first = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await first.connect({ chat: "c1" })
  await client.say("remember seven")
  const run = await bot.run()
  await run.yield({ type: "checkpoint", checkpoint: { mark: 7 } })
  await client.say("never asked")
  const status = await client
    .ask({ type: "status" })
    .then(() => client.next("status", ({ data }) => data.turns.length === 2))
  await client.send({ type: "interrupt", data: { turn_id: status.data.turns[1]?.turn_id } })
  await client.next("end", ({ data }) => data.state === "interrupted")
  run.done()
  await client.next("end", ({ data }) => data.state === "completed")
  await client.say("and now?")
  const second = await bot.run()
  expect(second.context.checkpoint).toEqual({ mark: 7 })
  // It ends without a word about the checkpoint, as after a crash: what was kept before holds.
  await first.stop()
  const again = scriptedHandler()
  await using later = await startTestServer({ handlers: { scripted: again.handler }, folder: first.folder })
  await (await later.connect({ chat: "c1" })).say("once more")
  expect((await again.run()).context.checkpoint).toEqual({ mark: 7 })
})

test("[P4.5] an answer that grows beyond max_answer_length is cut off there, with what came until then kept", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({
    handlers: { scripted: bot.handler },
    env: { CHAT_MAX_ANSWER_LENGTH: "10" },
  })
  const client = await chat.connect({ chat: "c1" })
  await client.say("talk")
  const run = await bot.run()
  await run.say("12345")
  void run.say("678901")
  const end = await client.next("end")
  expect(end.data).toMatchObject({ state: "failed", error: { code: "answer_too_long" } })
  expect(client.events.find(({ type }) => type === "result")?.data).toMatchObject({ state: "failed", message: "12345" })
})
