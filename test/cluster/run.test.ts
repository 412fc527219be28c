// bun run cluster, as somebody at a terminal uses it: read where it is, talk over two instances, end it, find nothing left.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { connectChat } from "../../src/client/chat.ts"
import { noSqld } from "../support/sqld.ts"

test.skipIf(noSqld !== null)(
  "a cluster says where it is, one chat is the same on two of its instances, and SIGTERM leaves nothing behind",
  async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "run.ts"), "--instances", "2"], {
      stdio: ["ignore", "pipe", "pipe"],
    })
    try {
      let said = ""
      const ready = Promise.withResolvers<void>()
      const reading = (async () => {
        for await (const bytes of child.stdout) {
          said += new TextDecoder().decode(bytes)
          if (said.includes("Ctrl-C")) ready.resolve()
        }
        ready.reject(new Error(`it ended: ${said}`))
      })()
      await ready.promise
      const addresses = [...said.matchAll(/^ {2}instance \d+ +(http:\S+)/gm)].map(([, url = ""]) => url)
      const token = /^ {2}(ey\S+)$/m.exec(said)?.[1] ?? ""
      expect(addresses).toHaveLength(2)
      const [one, other] = addresses.map((url) => connectChat({ url, flow_id: "default", chat_id: "shared", token }))
      if (!one || !other) throw new Error("two clients were wanted")
      await Promise.all([one.ready(), other.ready()])
      const heard = Promise.withResolvers<string | null>()
      other.on("message", ({ message }) => heard.resolve(message))
      await one.send("hello")
      expect(await heard.promise).toBe("hello")
      one.close()
      other.close()

      child.kill("SIGTERM")
      expect(await child.exited).toBe(0)
      await reading
      const everything = [...said.matchAll(/(?:http|nats):\/\/(127\.0\.0\.1:\d+)/g)].map(([, host]) => host ?? "")
      for (const host of new Set(everything))
        expect(await fetch(`http://${host}/`).catch(() => "nobody is there")).toBe("nobody is there")
    } finally {
      child.kill("SIGTERM")
      await child.exited
    }
  },
  30_000,
)

test("what it cannot do it says in a sentence", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "run.ts"), "--instances", "none"], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  expect(await child.stderr.text()).toBe("--instances must be a number from 1 to 20\n")
  expect(await child.exited).toBe(1)
})
