// Clients that read nothing, on a service of its own process: what they cost the service, and the others.
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { startService, temporaryFolder } from "../support/process.ts"
import { RawSocket } from "../support/raw-socket.ts"

const MiB = 1_048_576
const stuck = 30
/** With the answer, three times as much comes back. */
const long = "x".repeat(100_000)

const rssOf = (pid: number) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

test.skipIf(!existsSync("/proc/self/statm"))(
  "[P7.5] clients that read nothing cost a bounded amount of memory, and nobody else any time",
  async () => {
    await using folder = await temporaryFolder()
    await using service = await startService({
      env: {
        ...{ DATA_DIR: folder.path, LOG_LEVEL: "error", CHAT_RATE_LIMIT: "10000", CHAT_RATE_BURST: "10000" },
        CHAT_MAX_MESSAGE_LENGTH: `${long.length}`,
        CHAT_CONFIG: await flowsIn(folder.path),
      },
    })
    const secret = await resolveSecret({ jwt_secret: undefined, data_dir: folder.path })
    const token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 600 }, systemClock)
    const address = (chat: string) => `${service.url}/chat/default?chat_id=${chat}`
    const open = async (chat: string) => {
      const client = new TestClient(address(chat).replace(/^http/, "ws"), token)
      await client.join()
      return client
    }
    const talker = await open("loud")
    const other = await open("quiet")
    /** Says a lot in one chat; how long acks took in the other meanwhile. */
    const talk = async (name: string): Promise<number> => {
      const times: number[] = []
      for (let turn = 0; turn < 40; turn++) {
        await talker.say(long, `${name}-${turn}`)
        const start = performance.now()
        await other.say("hi", `${name}-${turn}`)
        times.push(performance.now() - start)
        await talker.next("end")
      }
      return median(times)
    }
    const before = await talk("alone")
    const rss = rssOf(service.pid)

    const sockets = await Promise.all(Array.from({ length: stuck }, () => RawSocket.open(address("loud"), { token })))
    for (const socket of sockets) socket.send({ type: "start", data: { cursor: talker.events.length } })
    await Promise.all(
      sockets.map((socket) => socket.until(() => socket.frames.some((frame) => "replayed" in frame.data), "the join")),
    )
    for (const socket of sockets) socket.pause()
    const during = await talk("beside")
    const grown = rssOf(service.pid) - rss
    for (const socket of sockets) socket.cut()
    for (const client of [talker, other]) client.close()

    // Each was sent 12 MB; 1 MiB is kept for each at most, and some is garbage that was not collected yet.
    expect(grown).toBeLessThan(stuck * 2 * MiB + 64 * MiB)
    expect(during).toBeLessThan(before * 3 + 30)
  },
  60_000,
)

async function flowsIn(folder: string): Promise<string> {
  const path = `${folder}/flows.json`
  await Bun.write(path, JSON.stringify({ flows: [{ handler: "echo", options: { max_pieces: 1 } }] }))
  return path
}
