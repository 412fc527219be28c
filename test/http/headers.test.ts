import { expect, test } from "bun:test"
import { isAllowedOrigin } from "../../src/auth/origin.ts"
import { testApp } from "./support.ts"

test.each(["/chat/session/list", "/chat/session/nope", "/nowhere", "/healthz"])(
  "%s is not kept, framed, or guessed at",
  async (path) => {
    await using app = await testApp()
    const { headers } = await app.ask("GET", path)
    expect(headers.get("Cache-Control")).toBe("no-store")
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
    expect(headers.get("Content-Security-Policy")).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get("X-Frame-Options")).toBe("DENY")
  },
)

test.each([
  ["http://localhost:5173", true],
  ["https://localhost", true],
  ["http://127.0.0.1:3000", true],
  ["http://[::1]:8080", true],
  ["https://app.example", true],
  ["https://app.example:444", false],
  ["http://app.example", false],
  ["https://evil.example", false],
  ["http://localhost.evil.example", false],
  ["http://127.0.0.1.evil.example", false],
  ["http://localhost:80@evil.example", false],
  ["null", false],
  ["", false],
  ["localhost", false],
])("the origin %j: %p", (origin, allowed) => {
  expect(isAllowedOrigin(["https://app.example"], origin)).toBe(allowed)
})

test("with * every origin is allowed", () => {
  expect(isAllowedOrigin(["*"], "https://any.example")).toBe(true)
  expect(isAllowedOrigin(["*"], "null")).toBe(true)
})

test("a page of an allowed origin may ask, of refusals too; without credentials", async () => {
  await using app = await testApp({ chat: { allowed_origins: ["https://app.example"] } })
  for (const path of ["/chat/session/list", "/chat/session/nope"]) {
    const { headers } = await app.ask("GET", path, { headers: { Origin: "https://app.example" } })
    expect(headers.get("Access-Control-Allow-Origin")).toBe("https://app.example")
    expect(headers.get("Access-Control-Allow-Credentials")).toBeNull()
    expect(headers.get("Access-Control-Expose-Headers")).toBe(
      "X-Trace-Id,Retry-After,Content-Disposition,ETag,Content-Range",
    )
    expect(headers.get("Vary")).toContain("Origin")
  }
})

test("a page of another origin gets no leave", async () => {
  await using app = await testApp()
  const { headers } = await app.ask("GET", "/chat/session/list", { headers: { Origin: "https://evil.example" } })
  expect(headers.get("Access-Control-Allow-Origin")).toBeNull()
})

test("a preflight needs no token and allows what the routes need", async () => {
  await using app = await testApp()
  const asked = { Origin: "http://localhost:5173", "Access-Control-Request-Method": "DELETE" }
  const { status, headers } = await app.ask("OPTIONS", "/chat/session/x", { user: null, headers: asked })
  expect(status).toBe(204)
  expect(headers.get("Access-Control-Allow-Origin")).toBe("http://localhost:5173")
  expect(headers.get("Access-Control-Allow-Methods")).toBe("GET,HEAD,POST,PUT,DELETE")
  expect(headers.get("Access-Control-Allow-Headers")).toBe("Authorization,Content-Type,If-None-Match,Range,X-Trace-Id")
})
