// A form behind a link that does not end: the process stays as it is, the page says what was too much, nothing is left behind.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { startService, temporaryFolder } from "../support/process.ts"
import { pour } from "./pour.ts"
import { filesIn, jsonOf } from "./support.ts"

test.each([
  ["a file of 1 GB in a file field", "f0", "422 Unprocessable Entity", 'id="f0-fault">The file has more than'],
  ["1 GB that nobody asked for", "f7", "413 Payload Too Large", "The body has more than"],
])("[P6.15] %s, without a length, is refused with a page, and takes no memory", async (_, name, status, words) => {
  await using folder = await temporaryFolder()
  const bots = join(import.meta.dir, "../support/bots")
  const flows = [{ chat_type: "WORKFLOW", handler: join(bots, "registrar.ts") }]
  await Bun.write(join(folder.path, "chat.yaml"), JSON.stringify({ flows }))
  const env = { DATA_DIR: folder.path, LOG_LEVEL: "warn", CHAT_CONFIG: join(folder.path, "chat.yaml") }
  await using service = await startService({ env })
  const secret = await resolveSecret({ jwt_secret: undefined, data_dir: folder.path })
  const token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 3600 }, systemClock)
  const address = `${service.url.replace("http", "ws")}/chat/default?chat_id=c1&chat_type=WORKFLOW`
  const client = new TestClient(address, token)
  await client.say("begin")
  const { data } = await client.next("end")
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }
  const ask = { method: "POST", body: "{}", headers }
  const link = await jsonOf(fetch(`${service.url}/chat/inputs/${data.question?.input_id}/link`, ask))
  client.cut()
  const path = link.data.url.replace(service.url, "")
  const head = ["Transfer-Encoding: chunked"]
  const poured = await pour({ service, path, head, name, megabytes: 1024, chunked: true, sign: "</html>" })
  expect(poured.status).toBe(`HTTP/1.1 ${status}`)
  expect(poured.answer).toContain(words)
  expect(poured.peak).toBeLessThan(80e6)
  expect(await filesIn({ folder: folder.path })).toEqual([])
  expect((await fetch(link.data.url)).status).toBe(200)
})
