// Every instance is replaced, one after the other, while people talk: no question is lost, and every answer is whole.
import { expect, test } from "bun:test"
import { connectChat } from "../../src/client/chat.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"
import { until } from "../support/until.ts"

const secret = "a secret for all instances, long enough to be one"

test.skipIf(noSqld !== null)(
  "[P8.1, P8.3] a rolling restart under load loses no turn: each question is answered in full, once",
  async () => {
    await using sqld = await startSqld()
    const start = () =>
      startTestServer({
        env: { DATABASE_URL: sqld.url, JWT_SECRET: secret, CHAT_DRAIN_TIMEOUT: "20" },
        flows: [{ flow_id: "*", handler: "echo" }].map((flow) => ({
          ...flow,
          options: { delay_ms: 20, max_pieces: 20 },
        })),
      })
    const up: TestServer[] = [await start(), await start()]
    let next = 0
    /** As a balancer does it: each connection goes to one that is up. */
    class Balanced extends WebSocket {
      constructor(url: string, protocols: string[]) {
        const { host } = new URL(up[next++ % up.length]?.url ?? "http://127.0.0.1:1")
        super(Object.assign(new URL(url), { host }).href, protocols)
      }
    }
    const token = await (up[0] as TestServer).token()
    const chats = Array.from({ length: 6 }, (_, number) =>
      connectChat({ url: "ws://balanced", flow_id: "default", chat_id: `c${number}`, token, WebSocket: Balanced }),
    )
    const ends = new Map<string, string[]>()
    for (const chat of chats)
      chat.on("end", ({ turn_id, state }) => ends.set(turn_id, [...(ends.get(turn_id) ?? []), state]))
    let talking = true
    let said = 0
    const talks = chats.map(async (chat) => {
      while (talking) {
        const over = new Promise((resolve) => chat.on("end", resolve))
        await chat.send(`a question of ten words, which takes a while to answer ${said++}`)
        await over
      }
    })
    for (let replaced = 0; replaced < 2; replaced++) {
      await until(() => said > (replaced + 1) * 12, "some talk")
      const [old] = up
      up.push(await start())
      up.shift()
      await old?.[Symbol.asyncDispose]()
    }
    talking = false
    await Promise.all(talks)
    for (const chat of chats) chat.close()
    for (const server of up) await server[Symbol.asyncDispose]()
    expect(ends.size).toBe(said)
    expect([...ends.values()].every((states) => states.join() === "completed")).toBe(true)
  },
  60_000,
)
