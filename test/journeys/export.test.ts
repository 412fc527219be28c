// /export: the conversation as a file of the reply, kept like every other file.
import { expect, test } from "bun:test"
import type { TestClient } from "../support/client.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

async function scene(env: Record<string, string> = {}) {
  const bot = scriptedHandler()
  const server = await startTestServer({ handlers: { bot: bot.handler }, env })
  const client = await server.connect({ chat: "c" })
  const exchange = async (text: string, answer: string) => {
    await client.say(text)
    const run = await bot.run()
    await run.say(answer)
    run.done()
    await client.next("end")
  }
  return { server, client, exchange }
}

async function exported(client: TestClient, words: string, id?: string) {
  const data = { kind: "command" as const, command: `/export ${words}`.trim() }
  const ack = await client.ask({ type: "message", data, ...(id === undefined ? {} : { id }) })
  expect(ack.type).toBe("ack")
  return (await client.next("result", ({ data }) => data.turn_id === null)).data
}

test("[P6.16, P6.19] /export gives the branch as a file of the reply, Markdown when nothing is said", async () => {
  const { server, client, exchange } = await scene()
  await using _ = server
  await exchange("How is **Rome**?", "Sunny, <script>alert(1)</script>")
  for (const [words, type, format] of [
    ["", "text/markdown", "md"],
    ["JSON", "application/json", "json"],
    ["html", "text/html", "html"],
  ] as const) {
    const reply = await exported(client, words)
    expect(reply.parts).toMatchObject([{ type: "file", name: `c.${format}`, mime_type: type }])
    const [part] = reply.parts
    if (part?.type !== "file") throw new Error("no file")
    const response = await server.fetch(part.url)
    const text = await response.text()
    expect([response.status, text.length > 0]).toEqual([200, true])
    expect(text).toContain("Sunny")
    if (format === "html") expect(text).not.toContain("<script")
    const download = await server.fetch(`/chat/message/export?chat_id=c&format=${format}`)
    // The session goes on with each command; what was said on the branch does not.
    const messagesOf = (json: string) => JSON.parse(json).messages
    const downloaded = await download.text()
    if (format === "json") expect(messagesOf(downloaded)).toEqual(messagesOf(text))
    else expect(downloaded).toBe(text)
    expect((await server.fetch(part.url, { user: 2 })).status).toBe(404)
  }
})

test("[P6.16, P6.19] after /clear there is nothing to give; a format that there is not is told; a resend makes no second file", async () => {
  const { server, client, exchange } = await scene()
  await using _ = server
  expect((await exported(client, "")).parts).toEqual([])
  await exchange("one", "first")
  expect((await exported(client, "pdf")).message).toContain("md")
  const first = await exported(client, "md", "x1")
  const again = await server.connect({ chat: "c" })
  const data = { kind: "command" as const, command: "/export md" }
  expect(await again.ask({ type: "message", id: "x1", data })).toMatchObject({ data: { dup: true } })
  expect(first.parts).toHaveLength(1)
  await client.ask({ type: "message", data: { kind: "command", command: "/clear" } })
  await client.next("result")
  expect((await exported(client, "")).parts).toEqual([])
})

test("[P6.19] a conversation that is too long for a file says where it can be downloaded", async () => {
  const { server, client, exchange } = await scene({ FILES_MAX_BYTES: "2000" })
  await using _ = server
  await exchange("one", "long ".repeat(1000))
  const reply = await exported(client, "md")
  const path = /\/chat\/message\/export\S+/.exec(reply.message ?? "")?.[0] ?? ""
  expect(reply.parts).toEqual([])
  const response = await server.fetch(path)
  expect([response.status, (await response.text()).includes("long ".repeat(900).trim())]).toEqual([200, true])
})
