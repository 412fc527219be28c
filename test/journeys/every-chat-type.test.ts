// Each chat type once, in the terminal, against a service process with real engines behind it; a workflow outlives the process.
import { expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FakeBisheng } from "../support/fake-bisheng/server.ts"
import { startModelServer } from "../support/model-server.ts"
import { startService } from "../support/process.ts"
import { obey } from "../support/tool-model.ts"

const root = join(import.meta.dir, "../..")
const everything = join(root, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")

async function folder() {
  const path = await mkdtemp(join(tmpdir(), "bisheng-chat-"))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** The terminal client, with these lines typed into it. */
async function terminal(url: string, DATA_DIR: string, args: readonly string[], lines: readonly string[]) {
  const child = Bun.spawn([process.execPath, join(root, "src/commands/chat.ts"), "--url", url, ...args], {
    env: { PATH: Bun.env.PATH ?? "", DATA_DIR },
    stdin: new Blob([lines.map((line) => `${line}\n`).join("")]),
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, notes, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { out, notes, code }
}

test("with nothing configured a chat and a workflow work, and the workflow outlives the process while its form waits", async () => {
  await using data = await folder()
  const env = { DATA_DIR: data.path }
  await using first = await startService({ env })
  const normal = await terminal(first.url, data.path, [], ["hello"])
  expect(normal).toMatchObject({ out: expect.stringMatching(/: hello\n$/), code: 0 })
  const workflow = ["--type", "WORKFLOW", "--chat", "c_intake"]
  const begun = await terminal(first.url, data.path, workflow, ["hello"])
  expect(begun).toMatchObject({ out: expect.stringContaining("What is it about?"), code: 0 })

  first.kill("SIGKILL")
  await first.exited
  await using second = await startService({ env })
  // Which topic; what, since when, e-mail, phone: without either of the last two it is asked again.
  const filled = await terminal(second.url, data.path, workflow, ["1", "The door squeaks", "2026-01-02", "", ""])
  expect(filled).toMatchObject({ out: expect.stringMatching(/What is it about\?[\s\S]*we need an e-mail/), code: 0 })
  second.kill("SIGKILL")
  await second.exited
  await using third = await startService({ env })
  const mended = await terminal(third.url, data.path, workflow, ["", "", "ann@example.com", "", "y"])
  expect(mended).toMatchObject({
    out: expect.stringMatching(/Is this right\?[\s\S]*The number of your request/),
    code: 0,
  })
  const { out } = await terminal(third.url, data.path, workflow, ["/export md"])
  expect(out).toContain("/chat/file/fil_")
}, 30_000)

test("an assistant uses the tools of an MCP server, and Linsight works, asks and goes on, all in the terminal", async () => {
  await using data = await folder()
  await using model = await startModelServer()
  await using bisheng = new FakeBisheng()
  obey(model)
  bisheng.linsight.publish(async (run) => {
    run.generate([{ id: "t1", name: "Plan the trip" }])
    run.start("t1")
    const where = await run.ask("t1", "Where to?")
    run.end("t1", where)
    run.finish(`The trip goes to ${where}.`)
  })
  const config = join(data.path, "chat.yaml")
  const mcp_servers = { everything: { command: process.execPath, args: [everything] } }
  const linsight = { base_url: bisheng.url, cookie_token: bisheng.linsight.token }
  const flows = [
    { chat_type: "ASSISTANT", handler: "assistant", options: { mcp_servers, needs_approval: ["*__echo"] } },
    { chat_type: "LINSIGHT", handler: "bisheng_linsight", options: linsight },
  ]
  await Bun.write(config, Bun.YAML.stringify({ flows, model: { base_url: model.url } }))
  const env = { DATA_DIR: data.path, CHAT_CONFIG: config }
  await using service = await startService({ env })

  const call = 'call everything__echo {"message":"from afar"}'
  const assistant = await terminal(service.url, data.path, ["--type", "ASSISTANT"], [call, "y"])
  expect(assistant.notes).toContain("tool everything__echo: waiting")
  expect(assistant.notes).toContain("tool everything__echo: completed")
  expect(assistant).toMatchObject({ out: expect.stringContaining("from afar"), code: 0 })

  const agent = await terminal(service.url, data.path, ["--type", "LINSIGHT"], ["plan a trip", "Rome"])
  expect(agent.notes).toContain("[Plan the trip: completed]")
  expect(agent).toMatchObject({ out: expect.stringMatching(/Where to\?[\s\S]*The trip goes to Rome\./), code: 0 })
}, 30_000)
