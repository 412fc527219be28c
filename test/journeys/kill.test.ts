// The process dies in the middle of an answer, without a word. What was acked is there, and what was said is kept.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { type ServiceProcess, startService, temporaryFolder } from "../support/process.ts"

const long = Array.from({ length: 1000 }, (_, place) => `word-${place}`).join(" ")

// An answer in 20 pieces of 450 characters each.
const echo = { handler: "echo", options: { delay_ms: 50, max_pieces: 20 } }

async function start(folder: string, flow: object = echo): Promise<ServiceProcess> {
  const flows = [flow]
  const config = join(folder, "config.yaml")
  await Bun.write(config, JSON.stringify({ flows }))
  return startService({ env: { DATA_DIR: folder, CHAT_CONFIG: config, LOG_LEVEL: "warn", CHAT_AUTO_TITLE: "off" } })
}

async function connect(service: ServiceProcess, folder: string): Promise<TestClient> {
  const secret = await resolveSecret({ jwt_secret: undefined, data_dir: folder })
  const token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 600 }, systemClock)
  return new TestClient(`${service.url.replace(/^http/, "ws")}/chat/default?chat_id=c1`, token)
}

test("[P3.2] [P4.4] kill -9 in mid-answer: acked messages are there, the turn ends as instance_lost with its text kept, the line runs", async () => {
  await using folder = await temporaryFolder()
  await using first = await start(folder.path)
  const client = await connect(first, folder.path)
  expect(await client.say(long, "m1")).toMatchObject({ type: "ack", data: { seq: 1 } })
  for (const id of ["m2", "m3"]) expect(await client.say(id, id)).toMatchObject({ type: "ack" })
  // A checkpoint is kept at least each 4 KiB, so after 6,000 characters there was one.
  await client.next("progress", ({ data }) => data.kind === "text" && data.offset > 6000)
  first.kill("SIGKILL")
  expect(await client.closed).toMatchObject({ code: 1006 })
  await first.exited

  await using second = await start(folder.path)
  const back = await connect(second, folder.path)
  await back.join({ cursor: 3 })
  await back.seen(9)
  const [result, end, ...later] = back.events
  if (result?.type !== "result") throw new Error("what was said is not there")
  expect(result).toMatchObject({ seq: 4, trace_id: "trace-m1", data: { state: "interrupted" } })
  const kept = result.data.message ?? ""
  expect(kept.length).toBeGreaterThanOrEqual(4096)
  expect(client.streamed(result.data.id).startsWith(kept)).toBe(true)
  expect(end).toMatchObject({ seq: 5, data: { state: "interrupted", reason: "instance_lost" } })
  expect(later).toMatchObject(
    ["m2", "m3"].flatMap((text) => [
      { type: "result", data: { message: expect.stringContaining(text), state: "completed" } },
      { type: "end", data: { state: "completed", reason: "done" } },
    ]),
  )
  const said = await connect(second, folder.path)
  expect(await said.say(long, "m1")).toMatchObject({ data: { seq: 1, dup: true } })
  await said.join({ cursor: 0 })
  const ids = said.events.flatMap((frame) => (frame.type === "message" ? [frame.data.client_id] : []))
  expect(ids).toEqual(["m1", "m2", "m3"])
  expect(second.log).toEqual([])
}, 20_000)

test("[P6.4] a stop that was asked for survives kill -9: the turn ends as stopped", async () => {
  await using folder = await temporaryFolder()
  await using first = await start(folder.path)
  const client = await connect(first, folder.path)
  await client.say(long, "m1")
  await client.next("progress")
  // The frame of the stop is durable when its event is here; the end may not be, since the process dies.
  await client.send({ type: "interrupt" })
  await client.next("interrupt")
  first.kill("SIGKILL")
  await first.exited

  await using second = await start(folder.path)
  const back = await connect(second, folder.path)
  await back.join({ cursor: 0 })
  await back.settled()
  const ends = back.events.flatMap((frame) => (frame.type === "end" ? [frame.data] : []))
  expect(ends).toMatchObject([{ state: "interrupted", reason: "stopped" }])
}, 20_000)

test("[P6.9] kill -9 in the middle of the answer of a bot that can go on: it is finished after the restart, every word once", async () => {
  await using folder = await temporaryFolder()
  const counter = { handler: join(import.meta.dir, "../support/bots/counter.ts") }
  await using first = await start(folder.path, counter)
  const client = await connect(first, folder.path)
  await client.say("count", "m1")
  await client.next("progress", ({ data }) => data.kind === "text" && data.text.includes("35 "))
  first.kill("SIGKILL")
  await first.exited
  await using second = await start(folder.path, counter)
  const back = await connect(second, folder.path)
  await back.join({ cursor: 1 })
  await back.seen(3)
  const [result, end] = back.events
  const hundred = Array.from({ length: 100 }, (_, at) => `${at + 1} `).join("")
  expect(result).toMatchObject({ type: "result", data: { message: hundred, state: "completed" } })
  expect(end).toMatchObject({ type: "end", data: { state: "completed", reason: "done" } })
}, 20_000)

test("[P8.1] SIGTERM of a real process: the running answer is completed, clients get 4001, the exit code is 0", async () => {
  await using folder = await temporaryFolder()
  await using service = await start(folder.path)
  const client = await connect(service, folder.path)
  await client.say("a few words", "m1")
  service.kill("SIGTERM")
  expect((await client.next("end")).data.state).toBe("completed")
  expect(await client.closed).toMatchObject({ code: 4001 })
  expect(await service.exited).toBe(0)
}, 20_000)
