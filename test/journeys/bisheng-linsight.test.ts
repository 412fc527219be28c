// Linsight and assistants of Bisheng behind this service, as a device sees them.
import { expect, test } from "bun:test"
import { FakeBisheng } from "../support/fake-bisheng/server.ts"
import { startTestServer } from "../support/server.ts"

const assistant_id = "0c7a1b2c-edb2-488d-8ccb-701aed1c737d"

async function scene() {
  const fake = new FakeBisheng()
  const base_url = fake.url
  const cookie_token = fake.linsight.token
  const flows = [
    { chat_type: "ASSISTANT", handler: "bisheng_assistant", options: { base_url, assistant_id } },
    { chat_type: "LINSIGHT", handler: "bisheng_linsight", options: { base_url, cookie_token } },
  ]
  const chat = await startTestServer({ flows })
  return {
    fake,
    chat,
    connect: (chat_type: string) => chat.connect({ chat: `c-${chat_type}`, query: { chat_type } }),
    async [Symbol.asyncDispose]() {
      await chat[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
    },
  }
}

test("an assistant knows what was said before", async () => {
  await using scenery = await scene()
  scenery.fake.assistants.publish(assistant_id, function* ({ messages }) {
    yield { reasoning_content: "Hm." }
    yield { content: messages.map(({ role, content }) => `${role}: ${content}`).join(" | ") }
  })
  const client = await scenery.connect("ASSISTANT")
  await client.say("one")
  expect((await client.next("result")).data.message).toBe("user: one")
  await client.say("two")
  expect((await client.next("result")).data.message).toBe("user: one | assistant: user: one | user: two")
})

test("[P6.7] Linsight names the chat, shows its work, asks, is answered from another device, and goes on", async () => {
  await using scenery = await scene()
  scenery.fake.linsight.publish(async (run) => {
    if (run.round > 1) return run.finish(`And ${run.said}`)
    run.generate([{ id: "t1", name: "Plan" }])
    run.start("t1")
    run.step("t1", { call_id: "c1", name: "search", status: "end" })
    const where = await run.ask("t1", "Where to?")
    run.end("t1", where)
    run.finish(`To ${where}`, [{ file_name: "plan.md", file_url: "final/plan.md" }])
  })
  const client = await scenery.connect("LINSIGHT")
  await client.say("a trip")
  const { data: asked } = await client.next("end")
  expect(asked).toMatchObject({ state: "waiting_input", question: { prompt: "Where to?" } })
  const first = client.frames.find(({ type }) => type === "result")
  expect(first?.data).toMatchObject({
    parts: [{ type: "step" }, { type: "tool", parent_id: "t1" }, { type: "question" }],
  })
  const other = await scenery.chat.connect({ chat: "c-LINSIGHT" })
  const [joined] = await other.join()
  expect(joined?.data).toMatchObject({ session: { topic: "A title by Linsight" }, question: asked.question })
  await other.say("Rome")
  const { data: answer } = await other.next("result")
  expect(answer).toMatchObject({ message: "To Rome", parts: [{ type: "step" }, { type: "file", name: "plan.md" }] })
  await other.next("end")
  await client.say("Milan")
  expect((await client.next("result", ({ data }) => data.message === "And Milan")).data.state).toBe("completed")
  expect(scenery.fake.linsight.runs.length).toBe(1)
})

test("[P6.5] a stop ends the work at Bisheng", async () => {
  await using scenery = await scene()
  scenery.fake.linsight.publish(async (run) => run.generate([{ id: "t1", name: "Long" }]))
  const client = await scenery.connect("LINSIGHT")
  await client.say("go")
  await client.next("progress", ({ data }) => data.kind === "step")
  await client.send({ type: "interrupt" })
  expect((await client.next("end")).data).toMatchObject({ state: "interrupted", reason: "stopped" })
  await scenery.fake.quiet()
  expect(scenery.fake.linsight.runs[0]?.row.status).toBe("terminated")
})
