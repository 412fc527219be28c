import { expect, test } from "bun:test"
import { createHmac } from "node:crypto"
import { routes } from "../../src/protocol/rest.ts"
import { withToken } from "./every-route.ts"
import { now, secret, testApp, tokenOf } from "./support.ts"

const seconds = now / 1000
const good = { sub: "1", role: "user", exp: seconds + 60 }

/** A JWT made by hand, so that it may be wrong. */
function jwt(payload: object, { alg = "HS256", key = secret, hash = "sha256" } = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const signed = `${encode({ alg, typ: "JWT" })}.${encode(payload)}`
  return `${signed}.${alg === "none" ? "" : createHmac(hash, key).update(signed).digest("base64url")}`
}

const wrong: [string, string | undefined, string][] = [
  ["no token", undefined, "unauthorized"],
  ["an empty header", "", "unauthorized"],
  ["a scheme without a token", "Bearer", "unauthorized"],
  ["another scheme", `Basic ${jwt(good)}`, "unauthorized"],
  ["two tokens", `Bearer ${jwt(good)} ${jwt(good)}`, "unauthorized"],
  ["no JWT", "Bearer abc", "unauthorized"],
  ["a bad signature", `Bearer ${jwt(good, { key: new TextEncoder().encode("x".repeat(32)) })}`, "unauthorized"],
  ["a signature cut off", `Bearer ${jwt(good).slice(0, -4)}`, "unauthorized"],
  ["alg none", `Bearer ${jwt(good, { alg: "none" })}`, "unauthorized"],
  ["another algorithm", `Bearer ${jwt(good, { alg: "HS512", hash: "sha512" })}`, "unauthorized"],
  ["an expired token", `Bearer ${jwt({ ...good, exp: seconds - 1 })}`, "token_expired"],
  ["a token that expires this very second", `Bearer ${jwt({ ...good, exp: seconds })}`, "token_expired"],
  ["a token that is not valid yet (nbf)", `Bearer ${jwt({ ...good, nbf: seconds + 30 })}`, "unauthorized"],
  ["a token without an end", `Bearer ${jwt({ sub: "1" })}`, "unauthorized"],
  ["a token without a user", `Bearer ${jwt({ exp: good.exp })}`, "unauthorized"],
  ["a user that is no number", `Bearer ${jwt({ ...good, sub: "1 or 1=1" })}`, "unauthorized"],
  ["a role that is none", `Bearer ${jwt({ ...good, role: "root" })}`, "unauthorized"],
]

test.each(wrong)("with %s every route but the open ones says 401", async (_, header, code) => {
  await using app = await testApp()
  for (const { method, path, body } of withToken) {
    const headers: Record<string, string> = header === undefined ? {} : { Authorization: header }
    const refused = await app.ask(method, path, { user: null, body, headers })
    expect([method, path, refused.status, refused.body.data.code]).toEqual([method, path, 401, code])
    expect(refused.headers.get("WWW-Authenticate")).toBe("Bearer")
  }
  expect(app.chat.asked).toEqual([])
})

test("every route that is not open is asked above", () => {
  expect(withToken.length).toBe(Object.values(routes).filter((route) => !("open" in route)).length)
  expect(withToken.length).toBeGreaterThanOrEqual(15)
})

test("the scheme's name has no case", async () => {
  await using app = await testApp()
  const headers = { Authorization: `bEARER ${await tokenOf(1)}` }
  expect((await app.ask("GET", "/chat/session/list", { user: null, headers })).status).toBe(200)
})

test("a token in the address counts for nothing", async () => {
  await using app = await testApp()
  const refused = await app.ask("GET", `/chat/session/list?token=${await tokenOf(1)}`, { user: null })
  expect(refused.status).toBe(401)
})

test("no part of a token gets into the log", async () => {
  await using app = await testApp()
  const token = await tokenOf(1)
  for (const sent of [token, `${token.slice(0, -3)}abc`]) {
    await app.ask("GET", "/chat/session/list", { user: null, headers: { Authorization: `Bearer ${sent}` } })
  }
  expect(app.log).toHaveLength(2)
  for (const part of token.split(".")) expect(JSON.stringify(app.log)).not.toContain(part)
})
