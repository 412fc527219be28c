// A replica of the database near an instance: replays, snapshots and history come from it, and are right whatever it does.
import { expect, test } from "bun:test"
import { startTestServer } from "../support/server.ts"
import { noSqld, startReplica, startSqld } from "../support/sqld.ts"

/** Passes requests on, and counts those that were answered. */
function counting(url: string) {
  let answered = 0
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const answer = await fetch(new URL(new URL(request.url).pathname, url), request)
      answered += 1
      return new Response(await answer.arrayBuffer(), { status: answer.status })
    },
  })
  return {
    url: server.url.origin,
    get answered() {
      return answered
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

test.skipIf(noSqld !== null)(
  "[P5.3, P5.4] a replay, a snapshot and a page of history are read near by, and are whole when that is frozen or gone",
  async () => {
    await using primary = await startSqld()
    await using replica = await startReplica(primary)
    await using near = counting(replica.url)
    const env = { DATABASE_URL: primary.url, JWT_SECRET: "a secret for both instances, long enough to be one" }
    await using elsewhere = await startTestServer({ env })
    const first = await elsewhere.connect({ chat: "c" })
    for (const text of ["one", "two", "three"]) {
      await first.say(text)
      await first.next("end")
    }
    // What was said before an instance saw the chat is not in its memory, and has to be read.
    await using chat = await startTestServer({
      env: { ...env, DATABASE_REPLICA_URL: near.url, CHAT_MAX_HISTORY_MESSAGES: "4" },
    })
    const reading = async () => {
      const [returning, fresh] = [await chat.connect({ chat: "c" }), await chat.connect({ chat: "c" })]
      await returning.send({ type: "start", data: { cursor: 1 } })
      await returning.next("start", ({ data }) => "replayed" in data && data.replayed === 9)
      await fresh.join()
      const page = await chat.fetch("/chat/message/history?chat_id=c&order=asc")
      expect(returning.events.map(({ seq }) => seq)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
      const joined = fresh.frames.find((frame) => frame.type === "start")?.data
      expect(joined && "snapshot" in joined && joined.snapshot?.map(({ seq }) => seq)).toEqual([4, 5, 7, 8])
      expect(await page.json()).toMatchObject({ data: { items: [1, 2, 4, 5, 7, 8].map((seq) => ({ seq })) } })
      for (const client of [returning, fresh]) client.cut()
    }
    await reading()
    expect(near.answered).toBe(3)
    replica.freeze()
    const frozen_at = performance.now()
    await reading()
    expect(performance.now() - frozen_at).toBeLessThan(3000)
    replica.thaw()
    await replica.kill()
    await reading()
  },
)
