// Pages of other origins in a browser: refused unless they were let in. Programs send no Origin and are not asked.
import { expect, test } from "bun:test"
import type { Environment } from "../../src/config.ts"
import { startTestServer } from "../support/server.ts"

async function comes(origin: string | undefined, env: Environment = {}): Promise<number | "joined"> {
  await using chat = await startTestServer({ env })
  const client = await chat.connect({ handshake: { headers: origin === undefined ? {} : { origin } } })
  const joined = client.join().then(
    () => "joined" as const,
    () => undefined,
  )
  const closed = client.closed.then(({ code }) => code)
  return (await Promise.race([joined, closed])) ?? (await closed)
}

const own = "https://chat.example.org"

for (const origin of ["http://localhost", "http://localhost:5173", "http://127.0.0.1:3000", "https://[::1]:8443"]) {
  test.concurrent(`[P1.6] a page of ${origin} may connect: it is on the same machine`, async () => {
    expect(await comes(origin)).toBe("joined")
  })
}

test("[P1.6] a page that is listed in chat.allowed_origins may connect, and so may any when the list has *", async () => {
  expect(await comes(own, { CHAT_ALLOWED_ORIGINS: `https://other.example.org, ${own}` })).toBe("joined")
  expect(await comes("https://anything.example.com", { CHAT_ALLOWED_ORIGINS: "*" })).toBe("joined")
})

test("[P1.6] a client that sends no Origin is not affected", async () => {
  expect(await comes(undefined, { CHAT_ALLOWED_ORIGINS: own })).toBe("joined")
})

const others = [
  "https://evil.example.com",
  `${own}.evil.com`,
  "https://localhost.evil.com",
  "http://127.0.0.1.evil.com",
  "http://evil.com/?http://localhost",
  "null",
]
for (const origin of others) {
  test.concurrent(`[P1.6] a page of ${origin} is refused with origin_forbidden and closed with 4503`, async () => {
    await using chat = await startTestServer({ env: { CHAT_ALLOWED_ORIGINS: own } })
    const client = await chat.connect({ handshake: { headers: { origin } } })
    expect(await client.closed).toMatchObject({ code: 4503 })
    expect(client.frames.map(({ data }) => data)).toMatchObject([{ code: "origin_forbidden" }])
  })
}
