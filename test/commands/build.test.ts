// bun run build, and the service as it starts from what it makes.
import { beforeAll, expect, test } from "bun:test"
import { stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { run, startService, temporaryFolder } from "../support/process.ts"

const build = "commands/build.ts"
const dist = join(import.meta.dir, "../../dist")
const file = "dist/main.js"

beforeAll(async () => {
  expect(await run(build, [], {})).toEqual({ code: 0, out: "", err: "" })
})

test("the same sources are not built again, others are", async () => {
  const built = async () => (await stat(join(dist, "main.js"))).mtimeMs
  const first = await built()
  await run(build, [], {})
  expect(await built()).toBe(first)
  const made = await Bun.file(join(dist, "made-of")).text()
  await writeFile(join(dist, "made-of"), "something else")
  await run(build, [], {})
  expect(await built()).toBeGreaterThan(first)
  expect(await Bun.file(join(dist, "made-of")).text()).toBe(made)
})

test("it has its bytecode, and nothing of the engines", async () => {
  expect(await Bun.file(join(dist, "main.js.jsc")).exists()).toBe(true)
  const text = await Bun.file(join(dist, "main.js")).text()
  expect(text).not.toContain("node_modules/@langchain/")
  expect(text).not.toContain("node_modules/ai/")
})

test("a plug-in gets the service's own contract, and files are read in their own process", async () => {
  await using folder = await temporaryFolder()
  const bot = join(folder.path, "bot.ts")
  await writeFile(
    bot,
    `import { ChatError, defineHandler, z } from "bisheng-chat/handler"
    export default defineHandler({ name: "bot", description: "refuses, or reads a file", options: z.object({}),
      async *run({ message, files }) {
        if (message.message === "refuse") throw new ChatError("not_found", { params: { what: "page" } })
        const kept = await files.save({ name: "page.html", mime_type: "text/html", content: "<p>read it</p>" })
        yield { type: "text", text: (await files.text(kept.file_id)).trim() }
      } })`,
  )
  const CHAT_CONFIG = join(folder.path, "chat.yaml")
  await writeFile(CHAT_CONFIG, JSON.stringify({ flows: [{ flow_id: "bot", handler: bot }] }))
  await using service = await startService({ file, env: { DATA_DIR: folder.path, CHAT_CONFIG } })
  const token = await issueToken(
    await resolveSecret({ data_dir: folder.path }),
    { user_id: 1, role: "user", ttl_s: 600 },
    systemClock,
  )
  const client = new TestClient(`${service.url.replace("http", "ws")}/chat/bot?chat_id=c`, token)
  await client.say("refuse")
  expect((await client.next("end")).data).toMatchObject({ state: "failed", reason: "not_found" })
  await client.say("read")
  expect((await client.next("result")).data).toMatchObject({ message: "read it" })
  const { status } = await fetch(`${service.url}/openapi.json`)
  expect(status).toBe(200)
  expect((await fetch(`${service.url}/docs/swagger-ui.css`)).status).toBe(200)
})

test("what is wrong is told as from the sources", async () => {
  const child = Bun.spawnSync([process.execPath, join(dist, "main.js")], { env: { PORT: "none" } })
  expect([child.exitCode, child.stderr.toString()]).toEqual([1, expect.stringContaining("PORT")])
})
