// What a person uploads reaches the model: the text of a file as words, an image as itself; in later turns too.
import { expect, test } from "bun:test"
import { startModelServer } from "../support/model-server.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
)

async function upload(chat: TestServer, name: string, content: string | Buffer, type: string): Promise<string> {
  const body = new FormData()
  body.append("file", new File([content], name, { type }))
  const answer = await chat.fetch("/chat/file", { method: "POST", body })
  const { data } = (await answer.json()) as { data: { file_id: string } }
  return data.file_id
}

test.each(["model", "assistant"])("a file and an image that were uploaded reach the model of `%s`", async (handler) => {
  await using model = await startModelServer()
  model.mock.onMessage(/.*/s, { content: "I see." })
  const options = { base_url: model.url, vision: true }
  await using chat = await startTestServer({ flows: [{ handler, options }] })
  const client = await chat.connect({ chat: "c1" })
  const files = [
    { file_id: await upload(chat, "plan.md", "# The plan\nBuy milk.", "text/markdown") },
    { file_id: await upload(chat, "dot.png", png, "image/png") },
  ]
  await client.ask({ type: "message", data: { kind: "file", files, text: "What is this?" } })
  expect((await client.next("end")).data).toMatchObject({ state: "completed" })
  await client.say("And now?")
  await client.next("end")
  const asked = {
    role: "user",
    content: [
      { type: "text", text: expect.stringContaining("# The plan\nBuy milk.") },
      { type: "image_url", image_url: { url: `data:image/png;base64,${png.toString("base64")}` } },
    ],
  }
  expect(model.bodies()).toMatchObject([
    { messages: [asked] },
    { messages: [asked, { content: "I see." }, { content: "And now?" }] },
  ])
})
