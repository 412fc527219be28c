// What is sent without waiting means what it would mean one after the other, though it shares a commit.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

test("[P2.4, P6.7] a text right behind one that began another branch is no answer to the question that was left", async () => {
  const bot = scriptedHandler()
  await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  await client.join()
  await client.say("1")
  const asking = await bot.run()
  void asking.yield({ type: "question", prompt: "Which?" })
  await client.next("end")
  await client.send({ type: "message", data: { kind: "text", text: "anew", reply_to: null }, id: "m1" })
  await client.send({ type: "message", data: { kind: "text", text: "and more" }, id: "m2" })
  await client.answer("m2")
  const { data } = await client.next("message", ({ data }) => data.client_id === "m2")
  expect(data.parts).toEqual([])
})
