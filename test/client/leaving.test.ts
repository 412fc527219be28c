// The client's ends: close(), signals, and iterators that are read to their end. No timer and no socket is left.
import { describe, expect, test } from "bun:test"
import type { Chat } from "../../src/client/chat.ts"
import { turnOfTheLoop } from "../support/clock.ts"
import { joined, replayed, said } from "./frames.ts"
import { Scene } from "./scene.ts"

describe("close() leaves nothing behind", () => {
  test("no timer, no socket; what waits is rejected, iterators end", async () => {
    await using scene = new Scene()
    const line = await scene.join()
    const events = Array.fromAsync(scene.chat)
    const sent = scene.chat.send("hi").catch((cause) => cause)
    scene.chat.close()
    expect(await events).toEqual([])
    expect(await sent).toMatchObject({ code: "closed" })
    expect((await line.closed).code).toBe(1000)
    expect(scene.clock.pending).toBe(0)
    expect(scene.heardOf("connection").at(-1)).toEqual({ state: "closed", error: null })
  })

  test("in every state", async () => {
    const states: ((scene: Scene) => Promise<unknown>)[] = [
      async () => {},
      (scene) => scene.server.next(),
      (scene) => scene.server.next().then((line) => line.next("start")),
      (scene) => scene.join().then((line) => line.quiet()),
      (scene) =>
        scene.join().then((line) => {
          line.cut()
          return scene.lost()
        }),
    ]
    for (const reach of states) {
      await using scene = new Scene()
      await reach(scene)
      scene.chat.close()
      scene.chat.close()
      expect(scene.clock.pending).toBe(0)
      scene.clock.advance(3_600_000)
      expect(scene.server.waiting).toBe(0)
    }
  })

  test("while the token is on its way: it is not used", async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    let asked: AbortSignal | undefined
    let opened = 0
    class Counted extends WebSocket {
      constructor(url: string, protocols: string[]) {
        opened += 1
        super(url, protocols)
      }
    }
    await using scene = new Scene({
      WebSocket: Counted,
      token: ({ signal }) => {
        asked = signal
        return promise
      },
    })
    await scene.when("connection", ({ state }) => state === "connecting")
    scene.chat.close()
    expect(asked?.aborted).toBe(true)
    resolve("late")
    await turnOfTheLoop()
    expect([opened, scene.clock.pending]).toEqual([0, 0])
  })

  test("by a signal, also one that was aborted before", async () => {
    const leave = new AbortController()
    await using scene = new Scene({ signal: leave.signal })
    const line = await scene.join()
    leave.abort()
    expect((await line.closed).code).toBe(1000)
    await using early = new Scene({ signal: AbortSignal.abort() })
    expect(early.chat.connection).toEqual({ state: "closed", error: null })
    await expect(early.chat.ready()).rejects.toMatchObject({ code: "closed" })
  })

  test("by a listener that calls it at the worst moment", async () => {
    await using scene = new Scene()
    const line = await scene.join()
    scene.chat.on("connection", ({ state }) => state === "waiting" && scene.chat.close())
    line.cut()
    await scene.when("connection", ({ state }) => state === "closed")
    expect(scene.clock.pending).toBe(0)
  })
})

test("[P5.8] the iterator gives the log in order, each event once, over cuts", async () => {
  await using scene = new Scene({ cursor: 0 })
  const events = scene.chat.events()
  const line = await scene.join()
  line.say(said(1), said(2))
  await scene.when("message", ({ seq }) => seq === 2)
  line.cut()
  scene.clock.advance(await scene.lost())
  const next = await scene.server.next()
  await next.next("start")
  next.say(joined({ from: 2, top: 3 }), said(3), replayed(3), said(4))
  const seqs: number[] = []
  for await (const event of events) {
    if (event.type !== "snapshot") seqs.push(event.seq)
    if (seqs.length === 4) break
  }
  expect(seqs).toEqual([1, 2, 3, 4])
})

test("listeners and iterators end with their signal", async () => {
  await using scene = new Scene({ cursor: 0 })
  const heard: number[] = []
  const enough = new AbortController()
  scene.chat.on("message", ({ seq }) => heard.push(seq), enough)
  const events = Array.fromAsync(scene.chat.events(enough))
  const line = await scene.join()
  line.say(said(1))
  await scene.when("message")
  enough.abort()
  line.say(said(2))
  await scene.when("message")
  expect(heard).toEqual([1])
  expect((await events).map((event) => event.type)).toEqual(["message"])
})

describe("a signal ends every wait with its own reason", () => {
  type Wait = (chat: Chat, options: { readonly signal: AbortSignal }) => Promise<unknown>
  const waits: Record<string, Wait> = {
    send: (chat, options) => chat.send("hi", options),
    interrupt: (chat, options) => chat.interrupt(options),
    status: (chat, options) => chat.status(options),
    end: (chat, options) => chat.end(options),
    ready: (chat, options) => chat.ready(options),
  }
  for (const [name, wait] of Object.entries(waits)) {
    test(`${name}: aborted before, and while it waits; nothing is left of it`, async () => {
      await using scene = new Scene()
      const [reason, leave] = [new Error("enough"), new AbortController()]
      await expect(wait(scene.chat, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      const waiting = wait(scene.chat, leave)
      leave.abort(reason)
      await expect(waiting).rejects.toBe(reason)
      // It was taken back before it could be sent.
      const line = await scene.join()
      await line.quiet()
      expect([line.unread, scene.chat.unacked]).toEqual([0, []])
    })
  }

  test("the token function: told when its answer is no longer wanted", async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    await using scene = new Scene({
      token: ({ signal }) => {
        asked.resolve(signal)
        return new Promise(() => {})
      },
    })
    const signal = await asked.promise
    scene.chat.close()
    expect(signal.aborted).toBe(true)
  })
})

test("a closed chat can be forgotten: neither the page nor a long-lived signal holds it", async () => {
  const page = new AbortController()
  const opened = Array.from({ length: 50 }, () => {
    const scene = new Scene({ signal: page.signal, token: () => new Promise(() => {}) })
    for (let n = 0; n < 10; n++) scene.chat.send("hi", page).catch(() => {})
    Array.fromAsync(scene.chat.events(page)).catch(() => {})
    scene.chat.close()
    const { chat, server } = scene
    return { chat: new WeakRef(chat), server }
  })
  for (let turn = 0; turn < 20; turn++) {
    await turnOfTheLoop()
    Bun.gc(true)
  }
  for (const { server } of opened) await server[Symbol.asyncDispose]()
  // A collector that looks at the stack may find one or two there still.
  expect(opened.filter(({ chat }) => chat.deref()).length).toBeLessThan(10)
})
