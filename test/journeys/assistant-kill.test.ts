// The service dies without a word while a call waits for a person. The answer, given to the next one, runs the tool, once.
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { notes } from "../support/mcp-server.ts"
import { startModelServer } from "../support/model-server.ts"
import { startService, temporaryFolder } from "../support/process.ts"
import { obey } from "../support/tool-model.ts"
import { until } from "../support/until.ts"

test("[P6.22] kill -9 while a call waits: its programs end, the question is there again, and the tool runs once", async () => {
  await using model = await startModelServer()
  obey(model)
  await using folder = await temporaryFolder()
  const file = join(folder.path, "notes")
  const program = { command: process.execPath, args: [notes], env: { NOTES: file } }
  const options = { base_url: model.url, mcp_servers: { files: program }, needs_approval: ["*"] }
  const config = join(folder.path, "config.yaml")
  await Bun.write(config, JSON.stringify({ flows: [{ chat_type: "ASSISTANT", handler: "assistant", options }] }))
  const start = () => startService({ env: { DATA_DIR: folder.path, CHAT_CONFIG: config, LOG_LEVEL: "warn" } })
  const connect = async (url: string) => {
    const secret = await resolveSecret({ jwt_secret: undefined, data_dir: folder.path })
    const token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 600 }, systemClock)
    return new TestClient(`${url.replace(/^http/, "ws")}/chat/default?chat_id=c1&chat_type=ASSISTANT`, token)
  }
  const lines = () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [])
  const pids = () => lines().flatMap((line) => (line.startsWith("pid ") ? [Number(line.slice(4))] : []))

  await using first = await start()
  const client = await connect(first.url)
  await client.say('call files__note {"text":"a"}')
  const asked = (await client.next("end")).data.question
  first.kill("SIGKILL")
  await first.exited
  await until(() => pids().every(isGone), "the program to end")

  await using second = await start()
  const back = await connect(second.url)
  const [joined] = await back.join()
  expect(joined?.data).toMatchObject({ question: { input_id: asked?.input_id } })
  const answer = { [asked?.fields[0]?.key ?? ""]: { approved: true } }
  await back.ask({ type: "message", data: { kind: "input", answer } })
  expect((await back.next("end")).data).toMatchObject({ state: "completed" })
  expect(lines().filter((line) => line.startsWith("noted"))).toEqual(["noted a"])
})

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
