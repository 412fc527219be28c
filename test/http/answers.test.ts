import { expect, test } from "bun:test"
import { ChatError, errorCodes, errorTable } from "../../src/errors.ts"
import { withToken } from "./every-route.ts"
import { insertSession } from "./rows.ts"
import { testApp, tokenOf } from "./support.ts"

test("a refusal carries its code, the trace_id, and whether to try again", async () => {
  await using app = await testApp()
  const { body } = await app.ask("GET", "/chat/session/nope", { headers: { "X-Trace-Id": "t-1" } })
  expect(body).toEqual({
    status_code: 404,
    status_message: "There is no such session, or it is not yours. Check the id.",
    data: { code: "not_found", trace_id: "t-1", retry: false },
  })
})

test("[P9.1] a refusal has the status and the retry of its code, whichever it is", async () => {
  await using app = await testApp({ chat: { rate_burst: errorCodes.length } })
  const headers = { Authorization: `Bearer ${await tokenOf(1)}`, "Content-Type": "application/json" }
  for (const code of errorCodes) {
    app.chat.createSession = () => Promise.reject(new ChatError(code))
    const init = { method: "POST", headers, body: '{"flow_id":"f"}' }
    const response = await app.app.request("/chat/session/create", init)
    expect(response.status).toBe(errorTable[code].http)
    expect(await response.json()).toMatchObject({
      status_code: errorTable[code].http,
      data: { code, retry: errorTable[code].retry },
    })
  }
})

test("a refusal that passes says when to come back, in milliseconds and as Retry-After in seconds", async () => {
  await using app = await testApp()
  app.chat.createSession = () => Promise.reject(new ChatError("draining", { retry_after_ms: 1500.5 }))
  const { status, headers, body } = await app.ask("POST", "/chat/session/create", { body: { flow_id: "f" } })
  expect([status, headers.get("Retry-After")]).toEqual([503, "2"])
  expect(body.data).toMatchObject({ code: "draining", retry: true, retry_after_ms: 1501 })
})

test("the trace_id of a request comes back, of good answers too", async () => {
  await using app = await testApp()
  const { headers } = await app.ask("GET", "/chat/session/list", { headers: { "X-Trace-Id": "abc/1:2" } })
  expect(headers.get("X-Trace-Id")).toBe("abc/1:2")
})

test.each([undefined, "", "a b", "x".repeat(129), "\u00e9"])(
  "for the trace_id %j another one is made",
  async (sent) => {
    await using app = await testApp()
    const { headers, body } = await app.ask("GET", "/nowhere", {
      headers: sent === undefined ? {} : { "X-Trace-Id": sent },
    })
    expect(headers.get("X-Trace-Id")).toMatch(/^[0-9a-f-]{36}$/)
    expect(body.data.trace_id).toBe(headers.get("X-Trace-Id"))
  },
)

test.each([
  ["?lang=zh", undefined, "没有这个会话，或它不属于您。请检查标识。"],
  ["?lang=zh-CN", "en", "没有这个会话，或它不属于您。请检查标识。"],
  ["", "fr, zh;q=0.8, en;q=0.2", "没有这个会话，或它不属于您。请检查标识。"],
  ["?lang=en", "zh", "There is no such session, or it is not yours. Check the id."],
  ["?lang=xx", undefined, "There is no such session, or it is not yours. Check the id."],
])("the sentence for %s with Accept-Language %s", async (query, accept, sentence) => {
  await using app = await testApp()
  const headers: Record<string, string> = accept === undefined ? {} : { "Accept-Language": accept }
  const { body } = await app.ask("GET", `/chat/session/nope${query}`, { headers })
  expect(body.status_message).toBe(sentence)
})

test("faults of a request are told in Chinese to who asks in Chinese", async () => {
  await using app = await testApp()
  const { body } = await app.ask("GET", "/chat/session/list?limit=500&lang=zh")
  expect(body.status_message).toBe("请求不符合接口要求：limit: 数值过大：期望 number <=100。请修正后重新发送。")
  expect((await app.ask("GET", "/chat/session/list?lang=zh")).body.status_message).toBe("成功")
})

test.each(["{", "", "{'flow_id':1}", "\u0000", '{"flow_id":"f"', "undefined"])(
  "the body %j is bad_json",
  async (body) => {
    await using app = await testApp()
    const refused = await app.ask("POST", "/chat/session/create", { body })
    expect([refused.status, refused.body.data.code]).toEqual([400, "bad_json"])
    expect(refused.body.status_message).toContain("body")
  },
)

test("a body that is not said to be JSON is refused with a hint", async () => {
  await using app = await testApp()
  const headers = { "Content-Type": "text/plain" }
  const { body } = await app.ask("POST", "/chat/session/create", { body: '{"flow_id":"f"}', headers })
  expect(body.data.code).toBe("bad_request")
  expect(body.status_message).toContain("application/json")
})

test.each(['{"__proto__":{"polluted":1},"flow_id":"f"}', '{"constructor":{"prototype":{"polluted":1}},"flow_id":"f"}'])(
  "%s pollutes nothing",
  async (body) => {
    await using app = await testApp()
    const { status, body: made } = await app.ask("POST", "/chat/session/create", { body })
    expect(status).toBe(201)
    expect(made.data).not.toHaveProperty("polluted")
    expect({}).not.toHaveProperty("polluted")
  },
)

test.each(["__proto__=1", "__proto__[polluted]=1", "constructor=1", "toString=1", "hasOwnProperty=1"])(
  "the query ?%s pollutes nothing and breaks nothing",
  async (query) => {
    await using app = await testApp()
    const { status } = await app.ask("GET", `/chat/session/list?${query}`)
    expect([200, 400]).toContain(status)
    expect({}).not.toHaveProperty("polluted")
    expect((await app.ask("GET", "/chat/session/list")).status).toBe(200)
  },
)

test("a body above 1 MiB is refused, with its length said or not", async () => {
  await using app = await testApp()
  const large = JSON.stringify({ flow_id: "f", topic: "x".repeat(1_048_576) })
  const said = await app.ask("POST", "/chat/session/create", {
    body: large,
    headers: { "Content-Length": String(large.length) },
  })
  const unsaid = await app.ask("POST", "/chat/session/create", {
    body: large,
    headers: { "Transfer-Encoding": "chunked" },
  })
  for (const { status, body } of [said, unsaid]) {
    expect([status, body.data.code]).toEqual([413, "frame_too_large"])
    expect(body.status_message).toBe("The body has more than 1048576 bytes. Send less at once.")
  }
})

test.each([
  "/",
  "/chat",
  "/chat/",
  "/chat/session/list/",
  "/chat/session/a/b",
  "/chat/session//",
  "/admin",
  "/CHAT/statistics",
  "//x",
])("%s is not an address", async (path) => {
  await using app = await testApp()
  for (const user of [1, null]) {
    const { status, body } = await app.ask("GET", path, { user })
    expect([status, body.data.code]).toEqual([404, "not_found"])
  }
})

test.each([
  ["PATCH", "/chat/session/list", "GET, HEAD"],
  ["GET", "/chat/session/create", "POST"],
  ["DELETE", "/chat/session/create", "POST"],
  ["PUT", "/chat/session/list", "GET, HEAD"],
  ["POST", "/chat/session/some", "GET, HEAD, PUT, DELETE"],
  ["GET", "/chat/interrupt", "POST"],
  ["GET", "/chat/message/delete", "DELETE"],
  ["POST", "/chat/message/history", "GET, HEAD"],
  ["POST", "/chat/statistics", "GET, HEAD"],
  ["POST", "/chat/default", "GET, HEAD"],
  ["POST", "/healthz", "GET, HEAD"],
])("%s %s is a wrong method, and Allow says the right ones", async (method, path, allow) => {
  await using app = await testApp()
  const { status, headers, body } = await app.ask(method, path)
  expect([status, body.data.code, headers.get("Allow")]).toEqual([405, "method_not_allowed", allow])
  expect(body.status_message).toContain(method)
})

test("HEAD is GET without a body", async () => {
  await using app = await testApp()
  const { status, text, headers } = await app.ask("HEAD", "/chat/session/list")
  expect([status, text]).toEqual([200, ""])
  expect(headers.get("Content-Type")).toBe("application/json")
})

test("[P9.3] what breaks inside is `internal`: the cause is in the log, under the trace_id, and nowhere else", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  app.chat.status = () => Promise.reject(new Error("the password is 1234"))
  const { status, text, body } = await app.ask("GET", `/chat/session/${session.id}`, {
    headers: { "X-Trace-Id": "t9" },
  })
  expect([status, body.data.code, body.data.trace_id]).toEqual([500, "internal", "t9"])
  expect(text).not.toContain("1234")
  const [line] = app.log
  expect(line).toMatchObject({ level: "error", fields: { status: 500, code: "internal", trace_id: "t9" } })
  expect(line?.fields.err).toMatchObject({ message: "the password is 1234" })
})

test("a database that fails is `store_unavailable`, to be tried again", async () => {
  await using app = await testApp()
  for (const table of ["sessions", "files"]) await app.db.client.execute(`drop table ${table}`)
  // Here the chats make sessions; the flows are in the configuration.
  const without = ["/chat/session/create", "/chat/file", "/chat/flows"]
  for (const { method, path, body } of withToken.filter(({ path }) => !without.includes(path))) {
    const refused = await app.ask(method, path, { body })
    expect([path, refused.status, refused.body.data.code]).toEqual([path, 503, "store_unavailable"])
    expect(refused.body.data.retry).toBe(true)
    expect(refused.text).not.toContain("sessions")
  }
})

test("every request is one line of the log: method, route, status, ms, trace_id", async () => {
  await using app = await testApp()
  const session = await insertSession(app.db)
  const headers = { "X-Trace-Id": "t1" }
  await app.ask("GET", `/chat/session/${session.id}?lang=zh`, { headers })
  await app.ask("GET", "/chat/message/history?chat_id=nope", { headers })
  await app.ask("GET", "/etc/passwd", { headers })
  await app.ask("GET", "/healthz", { headers })
  const line = { method: "GET", status: 200, ms: 0, trace_id: "t1" }
  expect(app.log).toEqual([
    { level: "info", text: "request", fields: { ...line, route: "/chat/session/:session_id" } },
    {
      level: "info",
      text: "request",
      fields: { ...line, route: "/chat/message/history", status: 404, code: "not_found" },
    },
    { level: "info", text: "request", fields: { ...line, route: "unknown", status: 404, code: "not_found" } },
    { level: "debug", text: "request", fields: { ...line, route: "/healthz" } },
  ])
})
