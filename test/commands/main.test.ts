// bun src/main.ts as an operator starts and stops it: a real process with real signals.
import { expect, test } from "bun:test"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { type ServiceProcess, startService, temporaryFolder } from "../support/process.ts"

const tokenFor = async (data_dir: string) =>
  issueToken(await resolveSecret({ data_dir }), { user_id: 1, role: "user", ttl_s: 600 }, systemClock)

async function connect(service: ServiceProcess, data_dir: string, chat: string): Promise<TestClient> {
  return new TestClient(`${service.url.replace("http", "ws")}/chat/default?chat_id=${chat}`, await tokenFor(data_dir))
}

test("says where it listens, what it uses and how to try it, once it is ready, on standard output", async () => {
  await using folder = await temporaryFolder()
  await using service = await startService({ env: { DATA_DIR: folder.path } })
  const { url } = service
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/)
  const address = url.replace("http", "ws")
  const [facts, ways] = service.out.split("  try it ")
  expect(facts).toBe(`
bisheng-chat is ready
  listens on   ${url}   (REST: ${url}/docs, health: ${url}/readyz)
  database     ${folder.path}/chat.db
  bots         ${address}/chat/* NORMAL -> echo
               ${address}/chat/* WORKFLOW -> graph
  secret       ${folder.path}/jwt-secret
`)
  expect(ways).toMatch(/ run chat\b/)
  expect(ways).toMatch(/ run token --user 1\n/)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
})

test("where the only bot is no chat of flow default, the line to try names its flow and type", async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, "chat.yaml")
  const bots = [
    ["orders-*", "WORKFLOW", / --flow orders-1 --type WORKFLOW\n/],
    ["help", "NORMAL", / --flow help\n/],
  ] as const
  for (const [flow_id, chat_type, line] of bots) {
    await writeFile(file, JSON.stringify({ flows: [{ flow_id, chat_type, handler: "echo" }] }))
    await using service = await startService({ env: { DATA_DIR: folder.path, CHAT_CONFIG: file } })
    expect(service.out).toMatch(line)
  }
})

test("a configured secret is named, never shown", async () => {
  await using folder = await temporaryFolder()
  const JWT_SECRET = "a configured secret of 32 bytes or more"
  await using service = await startService({ env: { DATA_DIR: folder.path, JWT_SECRET } })
  expect(service.out).toContain("  secret       JWT_SECRET\n")
  expect(service.out + service.err).not.toContain(JWT_SECRET)
})

test("an IPv6 address is told as a URL that works", async () => {
  await using folder = await temporaryFolder()
  await using service = await startService({ env: { DATA_DIR: folder.path, HOST: "::1" } })
  expect(service.url).toMatch(/^http:\/\/\[::1\]:\d+$/)
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200)
})

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal}: clients are sent away with 4001, and it ends with 0`, async () => {
    await using folder = await temporaryFolder()
    await using service = await startService({ env: { DATA_DIR: folder.path } })
    const client = await connect(service, folder.path, "c1")
    await client.join()
    service.kill(signal)
    expect((await client.closed).code).toBe(4001)
    expect(await service.exited).toBe(0)
    expect(service.log.map(({ msg }) => msg)).toEqual(["draining", "stopped"])
  })
}

test("two signals, of the same kind or not, do not cut short what the first one began", async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "slow.mjs")
  await writeFile(path, slowBot)
  await writeFile(join(folder.path, "chat.yaml"), "flows: [{ handler: ./slow.mjs }]")
  const env = { DATA_DIR: folder.path, CHAT_CONFIG: join(folder.path, "chat.yaml"), CHAT_DRAIN_TIMEOUT: "10" }
  await using service = await startService({ env })
  const client = await connect(service, folder.path, "c1")
  await client.say("Hello")
  await client.next("progress")
  for (const signal of ["SIGTERM", "SIGTERM", "SIGINT"] as const) service.kill(signal)
  expect((await client.next("end")).data).toMatchObject({ state: "completed" })
  expect(await service.exited).toBe(0)
  expect(service.log.map(({ msg }) => msg)).toEqual(["draining", "stopped"])
})

/** Speaks, and goes on for as long as it takes the signals to arrive. */
const slowBot = `
export default {
  name: "slow",
  description: "d",
  options: { safeParseAsync: async (data) => ({ success: true, data }) },
  async *run({ clock }) {
    yield { type: "text", text: "Well" }
    await new Promise((resolve) => clock.after(400, resolve))
    yield { type: "text", text: ", hello." }
  },
}`

test("[P4.5] what a turn said until the service was stopped is kept, and can be read after the next start", async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, "slow.mjs"), slowBot.replace("400", "3_600_000"))
  await writeFile(join(folder.path, "chat.yaml"), "flows: [{ handler: ./slow.mjs }]")
  const env = { DATA_DIR: folder.path, CHAT_CONFIG: join(folder.path, "chat.yaml"), CHAT_DRAIN_TIMEOUT: "0" }
  await using first = await startService({ env })
  const before = await connect(first, folder.path, "c1")
  await before.say("Hello")
  await before.next("progress")
  first.kill("SIGTERM")
  expect(await first.exited).toBe(0)
  await using second = await startService({ env })
  const client = await connect(second, folder.path, "c1")
  await client.join({ cursor: 0 })
  expect(client.events.map(({ seq, type }) => [seq, type])).toEqual([
    [1, "message"],
    [2, "result"],
    [3, "end"],
  ])
  expect(client.events[1]?.data).toMatchObject({ message: "Well", state: "interrupted" })
  expect(client.events[2]?.data).toMatchObject({ state: "interrupted", reason: "drained" })
})

test("[promise 5] a turn whose process was killed with -9 ends once as interrupted at the next start", async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, "slow.mjs"), slowBot.replace("400", "3_600_000"))
  await writeFile(join(folder.path, "chat.yaml"), "flows: [{ handler: ./slow.mjs }]")
  const env = { DATA_DIR: folder.path, CHAT_CONFIG: join(folder.path, "chat.yaml") }
  await using first = await startService({ env })
  const before = await connect(first, folder.path, "c1")
  expect(await before.say("Hello", "id-1")).toMatchObject({ type: "ack", data: { seq: 1, dup: false } })
  await before.next("progress")
  first.kill("SIGKILL")
  expect(await first.exited).toBeNull()
  await using second = await startService({ env })
  const client = await connect(second, folder.path, "c1")
  expect(await client.say("Hello", "id-1")).toMatchObject({ type: "ack", data: { seq: 1, dup: true } })
  await client.join({ cursor: 0 })
  const ends = client.events.filter(({ type }) => type === "end")
  expect(ends.map(({ data }) => data)).toMatchObject([{ state: "interrupted", reason: "instance_lost" }])
})

test("what a start runs once is hardly compiled; once it is ready, all is as ever", async () => {
  await using folder = await temporaryFolder()
  const witness = join(folder.path, "witness.ts")
  const told = join(folder.path, "told")
  await writeFile(
    witness,
    `import { appendFileSync } from "node:fs"
    Bun.unsafe.setJITPolicy = (scale) => appendFileSync(${JSON.stringify(told)}, scale + " ")`,
  )
  await using service = await startService({
    env: { DATA_DIR: folder.path, BUN_OPTIONS: `--preload=${witness}` },
  })
  expect(await Bun.file(told).text()).toMatch(/^[1-9]\d+ 1 $/)
  expect(service.err).toBe("")
})
