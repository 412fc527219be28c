// The client as others get it: one small file for browsers, that Node runs as well.
import { expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startTestServer } from "../support/server.ts"

const entry = join(import.meta.dir, "../../src/client/chat.ts")

async function bundle(): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", minify: true })
  const [output] = outputs
  if (!output) throw new Error("nothing was built")
  return output.text()
}

test("for a browser the client is below 20 kB gzipped, and brings nothing with it", async () => {
  const text = await bundle()
  expect(Bun.gzipSync(text).byteLength).toBeLessThan(20_000)
  expect(text).not.toContain("safeParse")
  expect(text).not.toMatch(/\b(?:import|require)\s*\(|from\s*["']/)
})

/** What an application in Node would write; it ends by itself only when `close()` leaves no timer and no socket behind. */
const application = `
  import WebSocket from "ws"
  const [bundle, url, token] = process.argv.slice(1)
  const { connectChat } = await import(bundle)
  const chat = connectChat({ url, token, flow_id: "default", WebSocket })
  const answer = new Promise((resolve) => chat.on("result", (message) => resolve(message.message)))
  const { seq } = await chat.send("hello from Node")
  process.stdout.write(JSON.stringify({ seq, answer: await answer, cursor: chat.cursor }))
  chat.close()
`

test("Node runs it, with the WebSocket of ws, and can leave after close()", async () => {
  await using server = await startTestServer()
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-client-"))
  const file = join(folder, "client.mjs")
  await Bun.write(file, await bundle())
  const child = Bun.spawn(["node", "--input-type=module", "-e", application, file, server.url, await server.token()], {
    cwd: import.meta.dir,
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, problems, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  await rm(folder, { recursive: true })
  expect({ problems, code }).toEqual({ problems: "", code: 0 })
  expect(JSON.parse(out)).toMatchObject({ seq: 1, answer: expect.stringMatching(/hello from Node$/) })
})
