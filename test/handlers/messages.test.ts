import { expect, test } from "bun:test"
import { ChatError } from "../../src/errors.ts"
import type { Files } from "../../src/handlers/files.ts"
import { type Conversation, toModelMessages } from "../../src/handlers/messages.ts"
import model, { ModelOptions } from "../../src/handlers/model.ts"
import type { FilePart } from "../../src/protocol/message.ts"
import { startModelServer } from "../support/model-server.ts"
import { noFiles } from "../support/no-files.ts"
import { collect, context, exchange, message } from "./context.ts"

const idOf = (name: string) => `fil_${Buffer.from(name).toString("hex").padEnd(32, "0").slice(0, 32)}`

function kept(name: string, mime_type: string): FilePart {
  return { type: "file", file_id: idOf(name), name, url: `/chat/file/${idOf(name)}`, mime_type }
}

/** Files with this content, by name; a string can be read as text. */
function filesWith(contents: Record<string, string | Uint8Array<ArrayBuffer>>): Files {
  const byId = new Map(Object.entries(contents).map(([name, content]) => [idOf(name), content]))
  const find = (file_id: string) => {
    const content = byId.get(file_id)
    if (content === undefined) throw new ChatError("not_found", { params: { what: "file" } })
    return content
  }
  return {
    ...noFiles,
    bytes: async (file_id) => new Uint8Array(Buffer.from(find(file_id))),
    async text(file_id) {
      const content = find(file_id)
      return typeof content === "string" ? content : null
    },
  }
}

const base: Omit<Conversation, "message"> = { history: [], files: noFiles, vision: false, max_file_chars: 1000 }
const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47])

test("the text of a file stands in the conversation under its name, and stays there in later turns", async () => {
  const files = filesWith({ "a.md": "# Plan A", "b.md": "# Plan B" })
  const history = [exchange({ message: "Read this", parts: [kept("a.md", "text/markdown")] }, { message: "Done." })]
  const said = message({ message: "And this", parts: [kept("b.md", "text/markdown")] })
  expect(await toModelMessages({ ...base, files, history, message: said })).toEqual([
    { role: "user", content: "Read this\n[file] a.md (text/markdown)\n# Plan A" },
    { role: "assistant", content: "Done." },
    { role: "user", content: "And this\n[file] b.md (text/markdown)\n# Plan B" },
  ])
})

test("long texts are cut, which is said, and the newest files come first", async () => {
  const files = filesWith({ old: "o".repeat(50), new: "n".repeat(100) })
  const history = [exchange({ message: "old", parts: [kept("old", "text/plain")] }, {})]
  const said = message({ message: "new", parts: [kept("new", "text/plain")] })
  const [first, , last] = await toModelMessages({ ...base, files, history, message: said, max_file_chars: 60 })
  expect(first?.content).toBe("old\n[file] old (text/plain)")
  expect(last?.content).toBe(`new\n[file] new (text/plain)\n${"n".repeat(60)}\n[cut: the first 60 of 100 characters]`)
})

test("a file that was deleted, or that nobody can read, is named all the same", async () => {
  const said = message({ message: "See", parts: [kept("gone.txt", "text/plain")] })
  expect(await toModelMessages({ ...base, message: said })).toEqual([
    { role: "user", content: "See\n[file] gone.txt (text/plain)" },
  ])
  const broken: Files = {
    ...noFiles,
    text: () => Promise.reject(new ChatError("file_unreadable", { params: { problem: "broken" } })),
  }
  const [unread] = await toModelMessages({ ...base, files: broken, message: said })
  expect(unread?.content).toBe("See\n[file] gone.txt (text/plain)")
})

test("a model that takes images gets those that are kept as bytes, others by address, at most ten", async () => {
  const files = filesWith({ "a.png": png })
  const foreign: FilePart = { type: "file", name: "b.jpg", url: "https://files.test/b.jpg", mime_type: "image/jpeg" }
  const drawing = kept("c.svg", "image/svg+xml")
  const said = message({ message: "What is it?", parts: [kept("a.png", "image/png"), foreign, drawing] })
  const [asked] = await toModelMessages({ ...base, files, message: said, vision: true })
  expect(asked?.content).toMatchObject([
    { type: "text" },
    { type: "file", mediaType: "image/png", data: png },
    { type: "file", mediaType: "image/jpeg", data: new URL(foreign.url) },
  ])
  const many = message({ message: "", parts: Array.from({ length: 12 }, () => foreign) })
  const [crowd] = await toModelMessages({ ...base, message: many, vision: true })
  expect(Array.isArray(crowd?.content) && crowd.content.filter(({ type }) => type === "file").length).toBe(10)
})

test("over the wire an image is its content or its address; the service fetches nothing for the person", async () => {
  await using server = await startModelServer()
  server.mock.onMessage(/.*/s, { content: "A cat." })
  const parts: FilePart[] = [
    kept("a.png", "image/png"),
    // Nobody listens there: a download would fail.
    { type: "file", name: "b.png", url: "http://127.0.0.1:1/b.png", mime_type: "image/png" },
  ]
  const options = ModelOptions.parse({ base_url: server.url, vision: true })
  const said = message({ message: "What is it?", parts })
  const { error } = await collect(model.run(context({ options, message: said, files: filesWith({ "a.png": png }) })))
  expect(error).toBeUndefined()
  const [body] = server.bodies()
  expect(body).toMatchObject({
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: expect.stringContaining("What is it?") },
          { type: "image_url", image_url: { url: `data:image/png;base64,${Buffer.from(png).toString("base64")}` } },
          { type: "image_url", image_url: { url: "http://127.0.0.1:1/b.png" } },
        ],
      },
    ],
  })
})

test("a model that takes no images gets their names", async () => {
  const said = message({ message: "See", parts: [kept("a.png", "image/png")] })
  expect(await toModelMessages({ ...base, files: filesWith({ "a.png": png }), message: said })).toEqual([
    { role: "user", content: "See\n[file] a.png (image/png)" },
  ])
})

test("with prices the usage says what the answer cost", async () => {
  await using server = await startModelServer()
  const usage = { prompt_tokens: 2000, completion_tokens: 500, total_tokens: 2500 }
  server.mock.onMessage("Hello", { content: "Hi", usage })
  const options = ModelOptions.parse({ base_url: server.url, prices: { input: 3, output: 12 } })
  const { events } = await collect(model.run(context({ options })))
  expect(events.at(-1)).toMatchObject({ type: "usage", usage: { total_tokens: 2500, cost: 0.012 } })
})
