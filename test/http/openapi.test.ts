import { expect, test } from "bun:test"
import { z } from "zod"
import { makeDocument } from "../../src/http/openapi.ts"
import { routes } from "../../src/protocol/rest.ts"
import { holdAgainstDocument, operations } from "./document.ts"
import { testApp } from "./support.ts"

const Parameter = z.object({
  name: z.string(),
  in: z.string(),
  description: z.string().optional(),
  schema: z.looseObject({ $ref: z.string().optional() }),
})
const Operation = z.object({
  summary: z.string(),
  tags: z.array(z.string()),
  parameters: z.array(Parameter),
  requestBody: z.unknown().optional(),
  responses: z.record(z.string(), z.object({ content: z.record(z.string(), z.unknown()).optional() })),
})
const Described = z.object({
  tags: z.array(z.object({ name: z.string() })),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
})

test("every route of the app is in the document, and every operation of the document is a route", async () => {
  await using app = await testApp()
  const served = app.app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`)
  expect([...new Set(served)].toSorted()).toEqual(operations().toSorted())
  const table = Object.values(routes).map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  expect(operations()).toHaveLength(table.length)
})

test("the document is served without a token, and names what each route asks and answers", async () => {
  await using app = await testApp()
  const { status, headers, body } = await app.ask("GET", "/openapi.json", { user: null })
  expect([status, headers.get("Content-Type")]).toEqual([200, "application/json"])
  expect(body).toMatchObject({
    openapi: "3.1.1",
    info: { title: "bisheng-chat", version: "0.0.0" },
    security: [{ bearer: [] }],
    paths: {
      "/chat/session/list": {
        get: {
          operationId: "listSessions",
          parameters: expect.arrayContaining([
            expect.objectContaining({
              in: "query",
              name: "limit",
              schema: expect.objectContaining({ type: "integer", maximum: 100 }),
            }),
            expect.objectContaining({ in: "query", name: "cursor" }),
          ]),
          responses: { 200: {}, 400: { description: "bad_request" }, 401: {}, 403: {}, 503: {} },
        },
      },
      "/chat/session/{session_id}": { get: {}, put: { requestBody: { required: true } }, delete: {} },
      "/healthz": { get: { security: [] } },
    },
    components: { schemas: { Session: {}, Message: {}, Failure: {} } },
  })
})

test("each operation says in one line what it does, belongs to one part, and tells what its answer is made of and what its filters mean", async () => {
  const { paths, tags } = Described.parse(await makeDocument("test"))
  const parts = tags.map(({ name }) => name)
  const faults = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) => {
      const { summary, tags: own, parameters, responses, requestBody } = operation
      const bare = Object.entries(responses).filter(([status, { content }]) => !/^(101|304)$/.test(status) && !content)
      const mute = parameters.filter(
        ({ in: place, description, schema }) => place === "query" && !description && !schema.$ref,
      )
      return [
        ...(summary.length <= 80 ? [] : ["its summary is long"]),
        ...(own.length === 1 && parts.includes(own[0] ?? "") ? [] : ["it has no part"]),
        ...(method === "get" || method === "delete" || requestBody || path.endsWith("/link")
          ? []
          : ["it takes nothing"]),
        ...mute.map(({ name }) => `${name} is not described`),
        ...bare.map(([status]) => `the answer ${status} has no content`),
      ].map((fault) => `${method} ${path}: ${fault}`)
    }),
  )
  // A file of the page may be a script, a style or an icon.
  expect(faults).toEqual(["get /docs/{file}: the answer 200 has no content"])
})

test("an answer that the document does not describe is a fault", () => {
  const answer = (data: object) => ({ status_code: 200, status_message: "success", data })
  const hold = (status: number, body: unknown) => () => holdAgainstDocument("GET", "/chat/messages/count", status, body)
  expect(hold(200, answer({ count: 1 }))).not.toThrow()
  expect(hold(200, answer({ count: "1" }))).toThrow("count")
  expect(hold(200, answer({ count: 1, more: 1 }))).toThrow("more")
  expect(hold(200, { data: { count: 1 } })).toThrow("status_code")
  expect(hold(409, answer({ count: 1 }))).toThrow("does not know")
})

test("the page shows the document with files of this server only", async () => {
  await using app = await testApp()
  const page = await app.ask("GET", "/docs", { user: null })
  expect(page.status).toBe(200)
  expect(page.headers.get("Content-Type")).toStartWith("text/html")
  const policy = page.headers.get("Content-Security-Policy") ?? ""
  expect(policy).toStartWith("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(policy).not.toContain("unsafe")
  const linked = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path)
  expect(linked).toHaveLength(4)
  for (const path of linked) {
    const file = await app.ask("GET", `/${path}`, { user: null })
    expect([path, file.status]).toEqual([path, 200])
    expect(file.headers.get("X-Content-Type-Options")).toBe("nosniff")
    expect(file.headers.get("Cache-Control")).toBe("public, max-age=3600")
    expect(file.headers.get("Content-Type")).toMatch(/^(text\/(css|javascript); charset=utf-8|image\/png)$/)
    expect(file.text).not.toBe("")
  }
  expect((await app.ask("GET", "/docs/start.js")).text).toContain("openapi.json")
})

test.each([
  "package.json",
  "index.html",
  "swagger-ui.js",
  "..%2Fpackage.json",
  "%2e%2e%2f%2e%2e%2fpackage.json",
  "..%5cpackage.json",
  "swagger-ui.css%00.js",
  "__proto__",
  "constructor",
  "toString",
])("the page has no file %s", async (file) => {
  await using app = await testApp()
  const { status, body } = await app.ask("GET", `/docs/${file}`, { user: null })
  expect([status, body.data.code]).toEqual([404, "not_found"])
})
