// What a running service logs: enough to find a fault by the trace_id that the client has, and nothing that is secret.
import { expect, test } from "bun:test"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { type ServiceProcess, startService, temporaryFolder } from "../support/process.ts"
import { until } from "../support/until.ts"

const JWT_SECRET = "a configured secret of 32 bytes or more"
const secret = new TextEncoder().encode(JWT_SECRET)

const bot = `
export default {
  name: "failing",
  description: "d",
  options: { safeParseAsync: async (data) => ({ success: true, data }) },
  async *run({ message }) {
    yield { type: "text", text: "Let me see" }
    const fault = new TypeError("the engine is broken")
    throw Object.assign(fault, { request: { messages: [message.message] } })
  },
}`

async function scene(env: Record<string, string> = {}) {
  const folder = await temporaryFolder()
  await writeFile(join(folder.path, "failing.mjs"), bot)
  await writeFile(
    join(folder.path, "chat.yaml"),
    "flows: [{ flow_id: default, handler: ./failing.mjs }, { handler: model }]",
  )
  const service = await startService({
    env: {
      ...{ DATA_DIR: folder.path, CHAT_CONFIG: join(folder.path, "chat.yaml"), JWT_SECRET, LOG_LEVEL: "trace" },
      ...{ MODEL_BASE_URL: "http://127.0.0.1:9/v1", MODEL_API_KEY: "sk-very-secret", ...env },
    },
  })
  const token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 600 }, systemClock)
  return {
    service,
    token,
    connect: (flow: string) =>
      new TestClient(`${service.url.replace("http", "ws")}/chat/${flow}?chat_id=chat-${flow}`, token),
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

async function line(service: ServiceProcess, wanted: (line: Record<string, unknown>) => boolean) {
  await until(() => service.err.endsWith("\n") && service.log.some(wanted), "a line of the log")
  return service.log.find(wanted)
}

test("[P9.3] a turn that failed is logged with trace_id, chat_id, turn_id and the cause, which the client does not get", async () => {
  await using it = await scene()
  const client = it.connect("default")
  await client.say("my private words", "id-1")
  const end = await client.next("end")
  expect(end.data).toMatchObject({ state: "failed", reason: "handler_failed" })
  expect(JSON.stringify(client.frames)).not.toContain("engine")
  const logged = await line(it.service, ({ turn_id }) => turn_id === end.data.turn_id)
  expect(logged).toMatchObject({
    ...{
      level: 40,
      trace_id: "trace-id-1",
      chat_id: "chat-default",
      turn_id: end.data.turn_id,
      code: "handler_failed",
    },
    err: { type: "TypeError", message: "the engine is broken", stack: expect.stringContaining("failing.mjs") },
  })
})

test("neither the token, nor the secret, nor a key, nor what was said gets into the log", async () => {
  await using it = await scene()
  for (const flow of ["default", "by-model"]) {
    const client = it.connect(flow)
    await client.say("my private words", `id-${flow}`)
    await client.next("end")
    await client.send("no JSON: my private words")
    await client.next("error")
  }
  const refused = new TestClient(`${it.service.url.replace("http", "ws")}/chat/default`, `${it.token}x`)
  await refused.closed
  const headers = { authorization: `Bearer ${it.token}` }
  await fetch(`${it.service.url}/chat/session/list?limit=nonsense`, { headers })
  await fetch(`${it.service.url}/chat/session/create`, { method: "POST", headers, body: "{my private words" })
  it.service.kill("SIGTERM")
  expect(await it.service.exited).toBe(0)
  expect(it.service.log.length).toBeGreaterThan(2)
  for (const word of [it.token, it.token.split(".")[2] ?? "", JWT_SECRET, "sk-very-secret", "private words"])
    expect(it.service.err + it.service.out).not.toContain(word)
})

test("a variable that means nothing is told once, at the start", async () => {
  await using it = await scene({ CHAT_RATELIMIT: "5" })
  expect(it.service.log).toMatchObject([
    { level: 40, name: "CHAT_RATELIMIT", msg: expect.stringContaining("means nothing here") },
  ])
})
