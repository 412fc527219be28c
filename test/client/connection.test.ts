// The client and its connection: tokens, close codes, pauses, signs of life.
import { describe, expect, test } from "bun:test"
import { connectChat } from "../../src/client/chat.ts"
import { ClientError } from "../../src/client/error.ts"
import { comesBack, pauseAfter } from "../../src/client/reconnect.ts"
import { turnOfTheLoop } from "../support/clock.ts"
import { ack, CHAT, error, said } from "./frames.ts"
import { Scene } from "./scene.ts"

const auth = { type: "auth", data: { expires_at: "2026-01-01T00:01:00.000Z" }, trace_id: "ask" } as const

test("[P1.1, P1.2] flow, chat, type and language are in the URL, the token is a subprotocol", async () => {
  await using scene = new Scene({ flow_id: "a:b", chat_type: "WORKFLOW", lang: "zh" })
  const { url, token } = await scene.server.next()
  expect(decodeURIComponent(url.pathname)).toBe("/chat/a:b")
  expect(Object.fromEntries(url.searchParams)).toEqual({ chat_id: CHAT, chat_type: "WORKFLOW", lang: "zh" })
  expect(token).toBe("tok")
})

test("[P1.3] without chat_id the client names the chat itself, so that every connection finds the same one", async () => {
  await using scene = new Scene()
  await scene.server.next()
  const { chat_id: _, ...rest } = { url: scene.server.url, flow_id: "default", token: "t", chat_id: CHAT }
  using chat = connectChat({ ...rest, clock: scene.clock, random: () => 0 })
  const first = await scene.server.next()
  first.cut()
  await new Promise<void>((resolve) => chat.on("connection", ({ state }) => state === "waiting" && resolve()))
  scene.clock.advance(0)
  const second = await scene.server.next()
  expect(chat.chat_id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._~:-]{0,63}$/)
  expect([first, second].map(({ url }) => url.searchParams.get("chat_id"))).toEqual([chat.chat_id, chat.chat_id])
})

test("[P1.1] an http URL with a path in front will do; a wrong one is told at once", async () => {
  const opened: string[] = []
  class Recorder extends WebSocket {
    constructor(url: string, protocols: string[]) {
      opened.push(url)
      super(url, protocols)
    }
  }
  await using scene = new Scene({ url: "https://127.0.0.1:1/behind/proxy/", WebSocket: Recorder })
  await scene.lost()
  expect(opened).toEqual([`wss://127.0.0.1:1/behind/proxy/chat/default?chat_id=${CHAT}`])
  expect(() => connectChat({ url: "nonsense", flow_id: "f", token: "t" })).toThrow(TypeError)
  for (const cursor of [-1, 0.5, Number.NaN]) {
    expect(() => connectChat({ url: "ws://h", flow_id: "f", token: "t", cursor })).toThrow(TypeError)
  }
})

test("a fresh token is asked for at each connection", async () => {
  let asked = 0
  await using scene = new Scene({ token: async () => `token-${++asked}` })
  const line = await scene.join()
  expect(line.token).toBe("token-1")
  expect((await scene.again(line)).token).toBe("token-2")
})

test("a token that cannot be had is tried again after a growing pause", async () => {
  let asked = 0
  await using scene = new Scene({
    token: () => {
      if (++asked < 3) throw new Error("offline")
      return "at-last"
    },
  })
  expect(await scene.lost()).toBe(500)
  expect(scene.heardOf("error")[0]).toMatchObject({ code: "token_unavailable", retry: true })
  scene.clock.advance(500)
  expect(await scene.when("connection", ({ state }) => state === "waiting")).toMatchObject({ retry_in_ms: 1000 })
  scene.clock.advance(1000)
  expect((await scene.join()).token).toBe("at-last")
})

test("[P8.1] 40xx, 1001, 1006, 1011 and 1012 come back; 45xx, 1000 and 1009 do not", () => {
  const back = [1001, 1005, 1006, 1011, 1012, 1013, 4001, 4005, 4008, 4012, 4013, 4014, 4099]
  expect(back.filter((code) => !comesBack(code))).toEqual([])
  expect([1000, 1009, 4500, 4501, 4503, 4504, 4510, 4599].filter(comesBack)).toEqual([])
})

test("[P8.1] the pause grows, with full jitter, up to 30 s", () => {
  const loss = { code: 1006, retry_after_ms: undefined }
  const most = Array.from({ length: 8 }, (_, failures) => pauseAfter({ ...loss, failures }, () => 1))
  expect(most).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  expect(pauseAfter({ ...loss, failures: 7 }, () => 0)).toBe(0)
  expect(pauseAfter({ ...loss, failures: 1000 }, () => 1)).toBe(30_000)
})

test("[P8.1] after 4001 clients spread over 10 s; after 4013 and 4014 they wait at least as long as they are told", () => {
  const none = { failures: 0, retry_after_ms: undefined }
  expect(pauseAfter({ ...none, code: 4001 }, () => 1)).toBe(10_000)
  expect(pauseAfter({ ...none, code: 4001 }, () => 0)).toBe(0)
  expect(pauseAfter({ ...none, code: 4001, retry_after_ms: 7000 }, () => 1)).toBe(7500)
  expect(pauseAfter({ ...none, code: 4013 }, () => 0)).toBe(1000)
  expect(pauseAfter({ ...none, code: 4014, retry_after_ms: 3000 }, () => 0)).toBe(3000)
})

test("the pauses grow while connections come to nothing, and start anew after one that held", async () => {
  await using scene = new Scene()
  const pauses: number[] = []
  for (let round = 0; round < 3; round++) {
    const line = await scene.server.next()
    line.cut()
    pauses.push(await scene.lost())
    scene.clock.advance(pauses.at(-1) ?? 0)
  }
  const line = await scene.join()
  scene.clock.advance(5000)
  line.cut()
  pauses.push(await scene.lost())
  expect(pauses).toEqual([500, 1000, 2000, 250])
})

describe("[P8.2] the error frame before a close says why", () => {
  test("a 45xx close is the end: what waits is rejected with the reason, the iterator throws it", async () => {
    await using scene = new Scene()
    const sent = scene.chat.send("hi").catch((cause) => cause)
    const ready = scene.chat.ready().catch((cause) => cause)
    const next = scene.chat
      .events()
      .next()
      .catch((cause) => cause)
    const line = await scene.server.next()
    line.say(error("too_many_connections"))
    line.close(4504)
    await scene.when("connection", ({ state }) => state === "closed")
    for (const fate of [await sent, await ready, await next]) {
      expect(fate).toMatchObject({ code: "too_many_connections", close_code: 4504, retry: false })
    }
    expect(scene.clock.pending).toBe(0)
    await expect(scene.chat.send("more")).rejects.toBeInstanceOf(ClientError)
    await expect(scene.chat.events().next()).rejects.toBeInstanceOf(ClientError)
  })

  test("a 40xx close with retry_after_ms is waited out", async () => {
    await using scene = new Scene()
    const line = await scene.join()
    line.say(error("too_fast", { retry: true, retry_after_ms: 2000 }))
    line.close(4013)
    const state = await scene.when("connection")
    expect(state).toMatchObject({ state: "waiting", code: 4013, reason: { code: "too_fast" } })
    expect(await scene.lost()).toBe(2500)
  })
})

test("[P8.1] 4005 with a token function comes back with a fresh token", async () => {
  let asked = 0
  await using scene = new Scene({ token: () => `token-${++asked}` })
  const line = await scene.join()
  line.say(error("token_expired"))
  line.close(4005)
  scene.clock.advance(await scene.lost())
  expect((await scene.join()).token).toBe("token-2")
})

test("[P8.1] 4005 with a token that cannot be replaced is the end", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  line.say(error("token_expired"))
  line.close(4005)
  expect(await scene.when("connection")).toMatchObject({ state: "closed", error: { code: "token_expired" } })
})

test("[P7.4] an auth request is answered with a fresh token, the confirmation with nothing", async () => {
  let asked = 0
  await using scene = new Scene({ token: () => `token-${++asked}` })
  const line = await scene.join()
  line.say(auth)
  const answer = await line.next("auth")
  expect(answer.data.token).toBe("token-2")
  line.say({ ...auth, trace_id: answer.trace_id ?? "" }, ack(answer.id ?? "", null))
  await line.quiet()
  expect([line.unread, asked]).toEqual([0, 2])
  line.say(auth)
  expect((await line.next("auth")).data.token).toBe("token-3")
})

test("[P7.4] when no fresh token can be had, the application is told and the connection stays", async () => {
  let asked = 0
  await using scene = new Scene({
    token: () => {
      if (++asked === 2) throw new Error("offline")
      return "t"
    },
  })
  const line = await scene.join()
  line.say(auth)
  expect(await scene.when("error")).toMatchObject({ code: "token_unavailable" })
  line.say(auth)
  await line.next("auth")
})

test("[P7.4] a request that was cut off does not stand in the way of the next one", async () => {
  const { promise } = Promise.withResolvers<string>()
  let asked = 0
  await using scene = new Scene({ token: () => (++asked === 2 ? promise : `token-${asked}`) })
  const line = await scene.join()
  line.say(auth)
  await line.quiet()
  const next = await scene.again(line)
  next.say(auth)
  expect((await next.next("auth")).data.token).toBe("token-4")
})

test("[P7.3] a connection on which nothing is heard is asked, and left when it does not answer", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  scene.clock.advance(35_000)
  await line.next("ping")
  line.say({ type: "pong", data: {}, trace_id: "t" })
  await line.quiet()
  scene.clock.advance(10_000)
  expect(scene.chat.connection.state).toBe("connected")
  scene.clock.advance(25_000)
  await line.next("ping")
  const lost = scene.lost()
  scene.clock.advance(10_000)
  expect(scene.chat.connection).toMatchObject({ state: "waiting", code: 1006 })
  await line.closed
  scene.clock.advance(await lost)
  await scene.join()
})

test("a service that accepts the connection and then says nothing is left after 10 s", async () => {
  await using scene = new Scene()
  const line = await scene.server.next()
  await line.next("start")
  const lost = scene.lost()
  scene.clock.advance(10_000)
  scene.clock.advance(await lost)
  await line.closed
  await scene.join()
})

test("a machine that takes the connection and never answers the handshake is left after 10 s", async () => {
  const deaf = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  await using scene = new Scene({ url: `ws://127.0.0.1:${deaf.port}` })
  await turnOfTheLoop()
  scene.clock.advance(9999)
  expect(scene.chat.connection.state).toBe("connecting")
  scene.clock.advance(1)
  expect(scene.chat.connection).toMatchObject({ state: "waiting", code: 1006 })
  deaf.stop(true)
})

test("[P5.1] a start that is refused for now is said again; one that is refused for good ends the chat", async () => {
  await using scene = new Scene()
  const line = await scene.server.next()
  const first = await line.next("start")
  line.say(error("store_unavailable", { id: first.id ?? "", retry: true, retry_after_ms: 3000 }))
  await line.quiet()
  scene.clock.advance(3000)
  const second = await line.next("start")
  line.say(error("not_found", { id: second.id ?? "" }))
  expect(await scene.when("connection")).toMatchObject({ state: "closed", error: { code: "not_found" } })
  expect((await line.closed).code).toBe(1000)
})

test("when the network is back the client does not wait out its pause, and looks whether its socket is alive", async () => {
  await using scene = new Scene()
  const page = globalThis as unknown as EventTarget
  const line = await scene.join()
  page.dispatchEvent(new Event("online"))
  await line.next("ping")
  line.cut()
  await scene.lost()
  page.dispatchEvent(new Event("online"))
  await scene.join()
})

describe("a machine that goes offline", () => {
  const page = globalThis as unknown as EventTarget
  const tell = (type: "offline" | "online") => page.dispatchEvent(new Event(type))

  test("does not try to come back, however long that lasts, until it is online again", async () => {
    await using scene = new Scene()
    const line = await scene.join()
    tell("offline")
    line.cut()
    expect(await scene.lost()).toBe(Number.POSITIVE_INFINITY)
    expect(scene.clock.pending).toBe(0)
    scene.clock.advance(3_600_000)
    expect([scene.server.waiting, scene.chat.connection.state]).toEqual([0, "waiting"])
    tell("online")
    await scene.join()
    expect(scene.chat.connection.state).toBe("connected")
  })

  test("gives up the pause it was in, and says so", async () => {
    await using scene = new Scene()
    const line = await scene.join()
    line.cut()
    await scene.lost()
    tell("offline")
    expect(scene.chat.connection).toMatchObject({ state: "waiting", retry_in_ms: null, code: 1006 })
    expect(scene.clock.pending).toBe(0)
    tell("online")
    tell("online")
    await scene.join()
    expect(scene.server.waiting).toBe(0)
  })

  test("keeps a socket that goes on, and leaves one that is silent after 10 s instead of 45", async () => {
    await using scene = new Scene()
    const line = await scene.join()
    tell("offline")
    await line.next("ping")
    line.say({ type: "pong", data: {}, trace_id: "t" })
    line.say(said(1))
    await scene.when("message")
    scene.clock.advance(10_000)
    expect(scene.chat.connection.state).toBe("connected")
    tell("offline")
    await line.next("ping")
    scene.clock.advance(10_000)
    expect(scene.chat.connection).toMatchObject({ state: "waiting", retry_in_ms: null })
  })

  test("is no longer listened to after close()", async () => {
    await using scene = new Scene()
    await scene.join()
    scene.chat.close()
    tell("offline")
    tell("online")
    expect([scene.clock.pending, scene.server.waiting, scene.chat.connection.state]).toEqual([0, 0, "closed"])
  })
})

test("a token with which no WebSocket can be made ends the chat with a sentence", async () => {
  await using scene = new Scene({ token: "not a token" })
  expect(await scene.when("connection", ({ state }) => state === "closed")).toMatchObject({
    error: { code: "bad_options" },
  })
})

test("[P2.1] what is not a frame is reported and passed over; a type of a later version is passed over", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  for (const text of ["{", "7", "null", `{"type":"message"}`, `{"type":"new","data":{}}`]) line.raw(text)
  line.say(said(1))
  await scene.when("message")
  expect(scene.heardOf("error").map(({ code }) => code)).toEqual([
    "bad_server_frame",
    "bad_server_frame",
    "bad_server_frame",
    "bad_server_frame",
  ])
})
