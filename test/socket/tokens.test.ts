// Who may come: the token in the header or, for browsers, among the subprotocols. Every other token is refused.
import { expect, test } from "bun:test"
import { base64url, SignJWT } from "jose"
import { FakeClock } from "../support/clock.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const secret = "a secret of at least thirty-two bytes"
const env = { JWT_SECRET: secret }
const key = new TextEncoder().encode(secret)
const now = () => Math.floor(Date.now() / 1000)

type Claims = Record<string, unknown>

function signed(claims: Claims, { alg = "HS256", by = key }: { alg?: string; by?: Uint8Array } = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(by)
}

const good = (): Claims => ({ sub: "1", role: "user", exp: now() + 60 })

function unsigned(claims: Claims): string {
  const encode = (value: unknown) => base64url.encode(JSON.stringify(value))
  return `${encode({ alg: "none", typ: "JWT" })}.${encode(claims)}.`
}

async function cutShort(token: Promise<string>): Promise<string> {
  return (await token).slice(0, -4)
}

/** Somebody else's claims under a signature that was made for other ones. */
async function swapped(): Promise<string> {
  const [header, , signature] = (await signed(good())).split(".")
  return [header, base64url.encode(JSON.stringify({ ...good(), sub: "2", role: "admin" })), signature].join(".")
}

const refused: Record<string, () => string | null | Promise<string>> = {
  "no token": () => null,
  "an empty token": () => "",
  "something that is no JWT": () => "hello",
  "a JWT with a part too many": async () => `${await signed(good())}.x`,
  "a signature by another key": () => signed(good(), { by: new TextEncoder().encode("x".repeat(40)) }),
  "a signature cut short": () => cutShort(signed(good())),
  "other claims under a good signature": swapped,
  "alg: none": () => unsigned(good()),
  "another algorithm": () => signed(good(), { alg: "HS512" }),
  "a token that is not valid yet": () => signed({ ...good(), nbf: now() + 30 }),
  "a token without an end": () => signed({ sub: "1" }),
  "a token without a user": () => signed({ exp: now() + 60 }),
  "a user that is no number": () => signed({ ...good(), sub: "1 or 1=1" }),
  "a negative user": () => signed({ ...good(), sub: "-1" }),
  "an unknown role": () => signed({ ...good(), role: "root" }),
}

for (const [what, make] of Object.entries(refused)) {
  test.concurrent(`[P1.2] ${what} is refused with unauthorized and closed with 4500, and nothing is made`, async () => {
    await using chat = await startTestServer({ env })
    const client = await chat.connect({ chat: "c1", token: await make() })
    await client.send({ type: "message", data: { text: "let me in" }, id: "m1" })
    expect(await client.closed).toMatchObject({ code: 4500 })
    expect(client.frames.map(({ data }) => data)).toMatchObject([{ code: "unauthorized", retry: false }])
    expect(await sessionsOf(chat)).toEqual([])
  })
}

test("[P1.2] an expired token is refused with token_expired and closed with 4005, so the client comes back with a fresh one", async () => {
  await using chat = await startTestServer({ env })
  const client = await chat.connect({ token: await signed({ ...good(), exp: now() - 1 }) })
  expect(await client.closed).toMatchObject({ code: 4005 })
  expect(client.frames.map(({ data }) => data)).toMatchObject([{ code: "token_expired" }])
})

test("[P1.2] a token's end is measured by the service's clock", async () => {
  const clock = new FakeClock()
  await using chat = await startTestServer({ env, clock })
  const token = await chat.token(1, { ttl_s: 10 })
  await clock.advance(11_000)
  expect(await (await chat.connect({ token })).closed).toMatchObject({ code: 4005 })
})

test("[P1.2] a browser offers the subprotocols bearer and the token; the server selects bearer", async () => {
  await using chat = await startTestServer({ env })
  const token = await signed(good())
  const client = await chat.connect({ token: null, handshake: { protocols: ["bearer", token] } })
  expect(await client.protocol()).toBe("bearer")
  await client.join()
})

test("[P1.2] a browser with a bad token is told so, and no token is ever sent back as the subprotocol", async () => {
  await using chat = await startTestServer({ env })
  const client = await chat.connect({ token: null, handshake: { protocols: ["bearer", "bad"] } })
  expect(await client.protocol()).toBe("bearer")
  expect(await client.closed).toMatchObject({ code: 4500 })
})

test("[P1.2] a token in the query, where logs would keep it, is not taken", async () => {
  await using chat = await startTestServer({ env })
  const client = await chat.connect({ token: null, query: { token: await signed(good()) } })
  expect(await client.closed).toMatchObject({ code: 4500 })
})

async function sessionsOf(chat: TestServer): Promise<unknown[]> {
  const answer = (await (await chat.fetch("/chat/session/list?user_id=all", { role: "admin" })).json()) as {
    data: { items: unknown[] }
  }
  return answer.data.items
}
