// The checker is worth something only if it sees what it is there for: here a service that acks before the commit.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { freePort } from "../support/port.ts"
import { startService, temporaryFolder } from "../support/process.ts"
import { stage } from "./stage.ts"

const secret = "a secret for this test alone, long enough to be one"

async function killedAfterAnAck(sabotage: string): Promise<string[]> {
  await using folder = await temporaryFolder()
  const port = String(freePort())
  const start = (SABOTAGE: string) => {
    const env = { PORT: port, DATA_DIR: folder.path, JWT_SECRET: secret, LOG_LEVEL: "warn", SABOTAGE }
    return startService({ file: "test/chaos/instance.ts", env })
  }
  await using first = await start(sabotage)
  const token = await issueToken(
    new TextEncoder().encode(secret),
    { user_id: 1, role: "user", ttl_s: 600 },
    systemClock,
  )
  using scene = stage({ instances: [first.url], token, store: `file:${join(folder.path, "chat.db")}` })
  const phone = await scene.device("phone", 0)
  await phone.say("slow 1", "m1")
  first.kill("SIGKILL")
  await first.exited
  await using second = await start("")
  expect(second.url).toBe(first.url)
  return await scene.broken(10_000)
}

test("promise 1: ack after the commit, then kill -9: the checker is content", async () => {
  expect(await killedAfterAnAck("")).toEqual([])
}, 20_000)

test("promise 1: ack before the commit, then kill -9: the checker sees that what was acked is gone", async () => {
  const broken = await killedAfterAnAck("ack_before_commit")
  expect(broken).toContain("acked is kept")
}, 20_000)
