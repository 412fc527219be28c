// The client and what it says: acks, refusals, saying it again, stopping.
import { expect, test } from "bun:test"
import { ClientError } from "../../src/client/error.ts"
import { ack, error, over, said, status, turnId } from "./frames.ts"
import { Scene } from "./scene.ts"
import type { Line } from "./scripted-server.ts"

/** Ids of the next `count` messages. */
async function ids(line: Line, count: number): Promise<(string | undefined)[]> {
  const list: (string | undefined)[] = []
  for (let at = 0; at < count; at++) list.push((await line.next("message")).id)
  return list
}

test("[P3.2] send resolves when the ack has come, with its seq", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const sent = scene.chat.send("hi")
  const frame = await line.next("message")
  expect(frame.data).toEqual({ kind: "text", text: "hi" })
  expect(frame.trace_id).toBe(frame.id)
  line.say(ack(frame.id ?? "", 1))
  expect(await sent).toEqual({ id: frame.id ?? "", seq: 1, dup: false })
})

test("[P3.1] every kind of message can be sent, with its options", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const files = [{ name: "a.txt", url: "https://example.com/a.txt", mime_type: "text/plain" }]
  const all = Promise.all([
    scene.chat.send({ kind: "file", files }, { id: "1" }),
    scene.chat.send({ kind: "command", command: "/title Cats" }, { id: "2" }),
    scene.chat.send({ kind: "input", answer: { yes: true }, policy: "reject", extra: "{}" }, { id: "3" }),
  ])
  expect((await line.next("message")).data).toMatchObject({ kind: "file", files })
  expect((await line.next("message")).data).toMatchObject({ kind: "command", command: "/title Cats" })
  expect((await line.next("message")).data).toMatchObject({ kind: "input", answer: { yes: true }, policy: "reject" })
  line.say(ack("1", 1), ack("2", null), ack("3", 2, true))
  expect((await all).map(({ seq, dup }) => [seq, dup])).toEqual([
    [1, false],
    [null, false],
    [2, true],
  ])
})

test("[P3.4] a refusal rejects with its code, its sentence and whether it may succeed later", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const sent = scene.chat.send("hi", { id: "m1", signal: new AbortController().signal })
  await line.next("message")
  line.say(error("queue_full", { id: "m1", retry: true, retry_after_ms: 700 }))
  const refusal = await sent.catch((cause) => cause)
  expect(refusal).toBeInstanceOf(ClientError)
  expect(refusal).toMatchObject({ code: "queue_full", message: "This is queue_full.", retry: true, id: "m1" })
  expect(refusal.retry_after_ms).toBe(700)
  expect(scene.heardOf("error")).toEqual([])
})

test("[P3.3] what was not acked is sent again with the same id, in order, after a cut", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const sent = ["a", "b", "c"].map((id) => scene.chat.send(`say ${id}`, { id }))
  expect(await ids(line, 3)).toEqual(["a", "b", "c"])
  line.say(ack("a", 1))
  await sent[0]
  const next = await scene.again(line)
  expect(await ids(next, 2)).toEqual(["b", "c"])
  next.say(ack("b", 2, true), ack("c", 3))
  expect((await Promise.all(sent)).map(({ dup }) => dup)).toEqual([false, true, false])
})

test("[P3.3] what is said before the first connection is sent when it is there, after start", async () => {
  await using scene = new Scene()
  const sent = scene.chat.send("early", { id: "m1" })
  expect(scene.chat.unacked).toEqual([{ id: "m1", data: { kind: "text", text: "early" } }])
  const line = await scene.join()
  expect(await ids(line, 1)).toEqual(["m1"])
  line.say(ack("m1", 1))
  await sent
  expect(scene.chat.unacked).toEqual([])
})

test("[P2.4] at most 16 messages are on their way; each ack lets the next one go", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const names = Array.from({ length: 20 }, (_, at) => `m${at}`)
  const sent = names.map((id) => scene.chat.send(id, { id }))
  expect(await ids(line, 16)).toEqual(names.slice(0, 16))
  await line.quiet()
  expect(line.unread).toBe(0)
  line.say(ack("m0", 1), ack("m1", 2))
  expect(await ids(line, 2)).toEqual(["m16", "m17"])
  for (const [at, id] of names.entries()) line.say(ack(id, at + 1, at < 2))
  expect(await ids(line, 2)).toEqual(["m18", "m19"])
  expect((await Promise.all(sent)).map(({ seq }) => seq)).toEqual(names.map((_, at) => at + 1))
})

test("[P3.7] a message names those before it that are not acked; edits and stops are not in that line", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const about = { message_id: `msg_${"0".repeat(32)}` }
  const sent = [
    scene.chat.send("one", { id: "m1" }),
    scene.chat.send("two", { id: "m2" }),
    scene.chat.send({ kind: "edit", text: "2", ...about }, { id: "e1" }),
    scene.chat.send("three", { id: "m3" }),
  ]
  const named = async () => {
    const { id, data } = await line.next("message")
    return [id, ...("after" in data ? (data.after ?? []) : [])]
  }
  const all = async (count: number) => {
    const names = []
    for (let at = 0; at < count; at++) names.push(await named())
    return names
  }
  expect(await all(4)).toEqual([["m1"], ["m2", "m1"], ["e1"], ["m3", "m1", "m2"]])
  // The first was refused for the moment, and so were those that name it: they come again, one after the other.
  line.say(error("store_unavailable", { id: "m1", retry_after_ms: 100 }), error("out_of_order", { id: "m2" }))
  line.say(ack("e1", 9), error("out_of_order", { id: "m3" }))
  await line.quiet()
  scene.clock.advance(1500)
  expect(await named()).toEqual(["m1"])
  line.say(ack("m1", 1))
  expect(await all(2)).toEqual([["m2"], ["m3", "m2"]])
  line.say(ack("m2", 2), ack("m3", 3))
  await Promise.all(sent)
})

test("[P3.3] an ack that does not come makes the client send again, later each time", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const sent = scene.chat.send("hi", { id: "m1" })
  for (const wait of [5000, 10_000, 20_000]) {
    expect(await ids(line, 1)).toEqual(["m1"])
    scene.clock.advance(wait - 1)
    await line.quiet()
    // Signs of life asked for in the meantime are not what is counted here.
    while (line.unread > 0) await line.next("ping")
    line.say({ type: "pong", data: {}, trace_id: "t" })
    await line.quiet()
    scene.clock.advance(1)
  }
  expect(await ids(line, 1)).toEqual(["m1"])
  line.say(ack("m1", 1, true))
  expect((await sent).dup).toBe(true)
})

test("[P3.4] a refusal that comes once for each time a message was sent is told once", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const sent = scene.chat.send("hi", { id: "m1" }).catch((cause) => cause)
  await line.next("message")
  scene.clock.advance(5000)
  await line.next("message")
  line.say(error("session_ended", { id: "m1" }), error("session_ended", { id: "m1" }))
  expect(await sent).toMatchObject({ code: "session_ended" })
  line.say(said(1))
  await scene.when("message")
  expect(scene.heardOf("error")).toEqual([])
})

test("[P7.6] rate_limited makes the client wait as long as it is told, then send again by itself, in order, gently", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const sent = ["a", "b", "c", "d"].map((id) => scene.chat.send(id, { id }))
  await ids(line, 4)
  line.say(ack("a", 1), error("rate_limited", { id: "b", retry: true, retry_after_ms: 400 }))
  expect(await scene.when("error")).toMatchObject({ code: "rate_limited", retry: true })
  line.say(error("rate_limited", { id: "c", retry: true, retry_after_ms: 450 }))
  line.say(error("rate_limited", { id: "d", retry: true, retry_after_ms: 500 }))
  await scene.when("error", ({ id }) => id === "d")
  scene.clock.advance(499)
  await line.quiet()
  expect(line.unread).toBe(0)
  scene.clock.advance(1)
  expect(await ids(line, 1)).toEqual(["b"])
  await line.quiet()
  expect(line.unread).toBe(0)
  line.say(ack("b", 2))
  expect(await ids(line, 2)).toEqual(["c", "d"])
  line.say(ack("c", 3), ack("d", 4))
  await Promise.all(sent)
})

test("[P7.6] a message that is refused again and again is sent at longer and longer intervals", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const sent = scene.chat.send("hi", { id: "m" })
  for (const pause of [10, 110, 210, 410]) {
    await ids(line, 1)
    line.say(error("rate_limited", { id: "m", retry: true, retry_after_ms: 10 }))
    await scene.when("error")
    scene.clock.advance(pause - 1)
    await line.quiet()
    expect(line.unread).toBe(0)
    scene.clock.advance(1)
  }
  await ids(line, 1)
  line.say(ack("m", 1))
  await sent
})

test("[P3.3] saying the same again while it is on its way is saying it once; something else with that id is refused", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const twice = [scene.chat.send("hi", { id: "m1" }), scene.chat.send("hi", { id: "m1" })]
  const other = await scene.chat.send("ho", { id: "m1" }).catch((cause) => cause)
  expect(other).toMatchObject({ code: "id_conflict", id: "m1" })
  expect(await ids(line, 1)).toEqual(["m1"])
  line.say(ack("m1", 1))
  expect((await Promise.all(twice)).map(({ seq }) => seq)).toEqual([1, 1])
  expect(line.unread).toBe(0)
})

test("[P2.5] a frame that would close the socket is refused before it is sent", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const refusal = await scene.chat.send("漢".repeat(350_000)).catch((cause) => cause)
  expect(refusal).toMatchObject({ code: "frame_too_large", retry: false })
  await line.quiet()
  expect(line.unread).toBe(0)
})

test("[P3.2] an id that the service could not give back is refused at once, or nobody would know of the refusal", async () => {
  await using scene = new Scene()
  for (const id of ["", "x".repeat(65), "a\0", "\ud800"]) {
    expect(await scene.chat.send("hi", { id }).catch((cause) => cause)).toMatchObject({ code: "bad_frame" })
  }
})

test("[P8.1] a message that a closing connection refused goes out again on the next one", async () => {
  let tokens = 0
  await using scene = new Scene({ token: () => `token-${++tokens}` })
  const line = await scene.join()
  const sent = scene.chat.send("hi", { id: "m1" })
  await ids(line, 1)
  line.say(error("token_expired", { id: "m1" }))
  line.close(4005)
  scene.clock.advance(await scene.lost())
  const next = await scene.join()
  expect(await ids(next, 1)).toEqual(["m1"])
  next.say(ack("m1", 1))
  await sent
})

test("a signal takes back a message that was not sent, and stops waiting for one that was", async () => {
  await using scene = new Scene()
  const early = new AbortController()
  const unsent = scene.chat.send("never", { signal: early.signal })
  early.abort(new Error("changed my mind"))
  await expect(unsent).rejects.toThrow("changed my mind")
  const line = await scene.join()
  const late = new AbortController()
  const sent = scene.chat.send("hi", { id: "m1", signal: late.signal })
  expect(await ids(line, 1)).toEqual(["m1"])
  late.abort(new Error("enough"))
  await expect(sent).rejects.toThrow("enough")
  const next = await scene.again(line)
  await next.quiet()
  expect(next.unread).toBe(0)
  await expect(scene.chat.send("no", { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before")
})

test("[P6.4] interrupt names the running turn, does not wait behind messages, and tells requested from too late", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(said(1, { turn_id: turnId(1) }))
  await scene.when("message")
  const messages = Array.from({ length: 17 }, (_, at) => scene.chat.send("x", { id: `m${at}` }))
  const stopped = scene.chat.interrupt()
  await ids(line, 16)
  const stop = await line.next("interrupt")
  expect(stop.data).toEqual({ turn_id: turnId(1) })
  line.say({
    type: "interrupt",
    data: { turn_id: turnId(1), result: "requested", by: 1 },
    seq: 2,
    chat_id: "c_test",
    trace_id: "t",
  })
  line.say(ack(stop.id ?? "", 2))
  expect(await stopped).toBe("requested")
  line.say(over(3, 1, { state: "interrupted", reason: "stopped" }))
  await scene.when("end")
  const late = scene.chat.interrupt({ turn_id: turnId(1) })
  const second = await line.next("interrupt")
  line.say(ack(second.id ?? "", null))
  expect(await late).toBe("too_late")
  scene.chat.close()
  expect((await Promise.allSettled(messages)).every(({ status }) => status === "rejected")).toBe(true)
})

test("[P6.4] after a cut, a stop that names its turn is sent again; one that does not could hit the next turn", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  const named = scene.chat.interrupt({ turn_id: turnId(1) })
  const first = await line.next("interrupt")
  const nameless = scene.chat.interrupt()
  await line.next("interrupt")
  const failed = nameless.catch((cause) => cause)
  const next = await scene.again(line)
  expect(await failed).toMatchObject({ code: "connection_lost" })
  const again = await next.next("interrupt")
  expect(again.id).toBe(first.id)
  next.say(ack(again.id ?? "", null))
  expect(await named).toBe("too_late")
  await next.quiet()
  expect(next.unread).toBe(0)
})

test("[P6.8] status is answered by the status of the same trace, and asked again after a cut", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const asked = scene.chat.status()
  const { id } = await line.next("status")
  const next = await scene.again(line)
  expect((await next.next("status")).id).toBe(id)
  next.say(ack(id ?? "", null), status("somebody else's", { topic: "no" }), status(id ?? "", { topic: "Cats" }))
  expect((await asked).topic).toBe("Cats")
  expect(scene.chat.session?.topic).toBe("Cats")
})

test("[P6.6] end goes out after what was said before it", async () => {
  await using scene = new Scene()
  const line = await scene.join()
  const all = Promise.all([scene.chat.send("last words", { id: "m1" }), scene.chat.end()])
  await ids(line, 1)
  const end = await line.next("end")
  line.say(ack("m1", 1), ack(end.id ?? "", 2))
  expect((await all).map(({ seq }) => seq)).toEqual([1, 2])
})
