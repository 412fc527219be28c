// The client and the order of events: joining, coming back, gaps, the pieces of an answer.
import { expect, test } from "bun:test"
import type { Progress } from "../../src/protocol/server-frame.ts"
import { CHAT, delta, joined, message, messageId, over, ping, replayed, result, said, turnId } from "./frames.ts"
import { Scene } from "./scene.ts"

const seqs = (scene: Scene) => scene.heardOf("message").map(({ seq }) => seq)

test("[P5.4] without a cursor the client takes the snapshot, and its place in the log is the top", async () => {
  await using scene = new Scene()
  const line = await scene.server.next()
  expect((await line.next("start")).data).toEqual({})
  line.say(joined({ recovered: false, from: 7, top: 7, snapshot: [message(5), message(7)] }), replayed(7))
  await scene.chat.ready()
  const [snapshot] = scene.heardOf("snapshot")
  expect(snapshot?.messages.map(({ seq }) => seq)).toEqual([5, 7])
  expect(snapshot?.cursor).toBeNull()
  expect([scene.chat.cursor, scene.chat.epoch]).toEqual([7, "e1"])
  expect(scene.chat.session?.chat_id).toBe(CHAT)
})

test("[P5.3] a client that comes back names its cursor and its epoch, and gets what it missed once", async () => {
  await using scene = new Scene({ cursor: 2, epoch: "e1" })
  const line = await scene.server.next()
  expect((await line.next("start")).data).toEqual({ cursor: 2, epoch: "e1", offsets: {} })
  line.say(joined({ from: 2, top: 4 }), said(3), said(4), replayed(4), said(5))
  await scene.when("message", ({ seq }) => seq === 5)
  expect(seqs(scene)).toEqual([3, 4, 5])
  expect(scene.heardOf("snapshot")).toEqual([])
})

test("[P5.1] a message that joined the chat before the client's own start could costs it neither its cursor nor its place", async () => {
  await using scene = new Scene({ cursor: 2, epoch: "e1" })
  const line = await scene.server.next()
  await line.next("start")
  const unasked = joined({ recovered: false, from: 4, top: 4, snapshot: [message(3), message(4)] })
  line.raw(JSON.stringify({ ...unasked, trace_id: "of the message" }))
  line.say(joined({ from: 2, top: 4 }), said(3), said(4), replayed(4))
  await scene.chat.ready()
  expect(seqs(scene)).toEqual([3, 4])
  expect(scene.heardOf("snapshot")).toEqual([])
})

test("[P5.2] the client is connected when the replay has ended, not before", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.server.next()
  await line.next("start")
  line.say(joined({ top: 1 }), said(1))
  await scene.when("message")
  expect(scene.chat.connection.state).toBe("connecting")
  line.say(replayed(1))
  await scene.chat.ready()
})

test("[P5.8] an event that the client has is dropped", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(said(1), said(1), said(2), said(1), said(2), said(3))
  await scene.when("message", ({ seq }) => seq === 3)
  expect(seqs(scene)).toEqual([1, 2, 3])
})

test("[P5.8] an event further ahead than the next one makes the client ask from its cursor, once", async () => {
  await using scene = new Scene({ cursor: 0, epoch: "e1" })
  const line = await scene.join()
  scene.clock.advance(1000)
  line.say(said(1), said(3), said(4))
  expect((await line.next("start")).data).toEqual({ cursor: 1, epoch: "e1", offsets: {} })
  line.say(said(5), joined({ from: 1, top: 5 }), said(2), said(3), said(4), said(5), replayed(5), said(6))
  await scene.when("message", ({ seq }) => seq === 6)
  await line.quiet()
  expect(line.unread).toBe(0)
  expect(seqs(scene)).toEqual([1, 2, 3, 4, 5, 6])
})

test("[P5.8] a replay with a hole is asked for again, at most once a second", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.server.next()
  await line.next("start")
  line.say(joined({ top: 3 }), said(1), said(3), replayed(3))
  await scene.when("message")
  await line.quiet()
  expect(line.unread).toBe(0)
  scene.clock.advance(1000)
  expect((await line.next("start")).data.cursor).toBe(1)
  line.say(joined({ from: 1, top: 3 }), said(2), said(3), replayed(3))
  await scene.chat.ready()
  expect(seqs(scene)).toEqual([1, 2, 3])
})

test("[P7.1] a ping with a higher top makes the client ask; one with its own does not", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  scene.clock.advance(1000)
  line.say(ping(0))
  await line.next("pong")
  line.say(ping(2))
  await line.next("pong")
  expect((await line.next("start")).data.cursor).toBe(0)
})

test("[P5.4] a cursor that cannot be served ends in a snapshot that says so, and the iterator shows it too", async () => {
  await using scene = new Scene({ cursor: 9, epoch: "old" })
  const events = scene.chat.events()
  const line = await scene.server.next()
  await line.next("start")
  line.say(joined({ recovered: false, from: 4, top: 4, epoch: "new", snapshot: [message(4)] }), replayed(4), said(5))
  const first = await events.next()
  expect(first.value).toMatchObject({ type: "snapshot", data: { cursor: 9, top: 4 } })
  expect((await events.next()).value).toMatchObject({ type: "message", seq: 5 })
  expect(scene.chat.epoch).toBe("new")
})

test("[P6.1] pieces of an answer are put together, text and reasoning each", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(delta(1, 0, "hm", "reasoning"), delta(1, 0, "Hel"), delta(1, 3, "lo"), delta(1, 2, "!", "reasoning"))
  await scene.when("progress", (news) => news.kind === "reasoning" && news.text === "hm!")
  const told = scene.heardOf("progress").map((news) => "delta" in news && [news.kind, news.delta, news.text])
  expect(told).toEqual([
    ["reasoning", "hm", "hm"],
    ["text", "Hel", "Hel"],
    ["text", "lo", "Hello"],
    ["reasoning", "!", "hm!"],
  ])
  expect(scene.chat.answers.get(messageId(1))).toMatchObject({ text: "Hello", reasoning: "hm!" })
})

test("[P6.1] of a piece that begins below what the client has, the overlap is dropped", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(delta(1, 0, "Hello"), delta(1, 0, "Hel"), delta(1, 0, "Hello, wor"), delta(1, 8, "orld"))
  await scene.when("progress", (news) => "text" in news && news.text === "Hello, world")
  expect(scene.heardOf("progress").map((news) => "delta" in news && news.delta)).toEqual(["Hello", ", wor", "ld"])
})

test("[P6.1] offsets count UTF-16 units: a character outside the basic plane is two", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(delta(1, 0, "a😀"), delta(1, 3, "漢"), delta(1, 1, "😀漢👩‍👩‍👧"), delta(1, 4, "👩‍👩‍👧."))
  await scene.when("progress", (news) => "text" in news && news.text.endsWith("."))
  expect(scene.chat.answers.get(messageId(1))?.text).toBe("a😀漢👩‍👩‍👧.")
})

test("[P6.1] a piece further ahead makes the client ask with its cursor and its offsets", async () => {
  await using scene = new Scene({ cursor: 0, epoch: "e1" })
  const line = await scene.join()
  scene.clock.advance(1000)
  line.say(delta(1, 0, "abc"), delta(1, 9, "j"), delta(1, 10, "k"))
  expect((await line.next("start")).data).toEqual({ cursor: 0, epoch: "e1", offsets: { [messageId(1)]: 3 } })
  line.say(joined(), delta(1, 3, "defghijk"), replayed(0), delta(1, 11, "l"))
  await scene.when("progress", (news) => "text" in news && news.text === "abcdefghijkl")
  await line.quiet()
  expect(line.unread).toBe(0)
})

test("[P5.6] after a cut the client names what it has of the answer, and goes on there", async () => {
  await using scene = new Scene({ cursor: 0, epoch: "e1" })
  const line = await scene.join()
  line.say(said(1, { turn_id: turnId(1) }), delta(1, 0, "one "))
  await scene.when("progress")
  line.cut()
  scene.clock.advance(await scene.lost())
  const next = await scene.server.next()
  expect((await next.next("start")).data).toEqual({ cursor: 1, epoch: "e1", offsets: { [messageId(1)]: 4 } })
  next.say(joined({ from: 1, top: 1 }), delta(1, 4, "two "), replayed(1), delta(1, 8, "three"))
  await scene.when("progress", (news) => "text" in news && news.text === "one two three")
})

test("[P4.2] pieces that come after the result are dropped: the result has it all", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(delta(1, 0, "ab"), result(1, { id: messageId(1), message: "abc" }), delta(1, 2, "c"))
  line.say(over(2, 1), delta(1, 0, "abc"), said(3))
  await scene.when("message")
  expect(scene.heardOf("progress")).toHaveLength(1)
  expect(scene.chat.answers.size).toBe(0)
})

test("[P4.4] open turns and the bot's question are followed through the log", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  const question = {
    input_id: `inp_${"0".repeat(32)}`,
    turn_id: turnId(1),
    prompt: "Which one?",
    fields: [],
    expires_at: null,
    create_time: "2026-01-01T00:00:00.000Z",
  }
  line.say(said(1, { turn_id: turnId(1) }))
  await scene.when("message")
  expect(scene.chat.turns.map(({ turn_id }) => turn_id)).toEqual([turnId(1)])
  line.say(over(2, 1, { state: "waiting_input", reason: "question", question }))
  await scene.when("end")
  expect(scene.chat.turns).toEqual([])
  expect(scene.chat.question?.prompt).toBe("Which one?")
  const answer = { type: "input" as const, input_id: question.input_id, answer: "this one" }
  line.say(said(3, { kind: "input", turn_id: turnId(2), parts: [answer] }))
  await scene.when("message")
  expect(scene.chat.question).toBeNull()
})

test("[P1.5] frames of another chat are passed over", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say({ ...said(1), chat_id: "c_other" } as ReturnType<typeof said>, said(1, { message: "mine" }))
  await scene.when("message")
  expect(scene.heardOf("message").map((heard) => heard.message)).toEqual(["mine"])
})

test("[P4.5] after a turn's end nothing more of it is taken, although it had no result", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  line.say(said(1, { turn_id: turnId(1) }), delta(1, 0, "ab"), over(2, 1, { state: "failed", reason: "model_failed" }))
  line.say(delta(1, 2, "c"), said(3))
  await scene.when("message", ({ seq }) => seq === 3)
  expect(scene.heardOf("progress")).toHaveLength(1)
  expect(scene.chat.answers.size).toBe(0)
})

test("[P5.4] with a snapshot, answers of turns that are over are forgotten; those that go on are kept", async () => {
  await using scene = new Scene({ cursor: 0, epoch: "e1" })
  const line = await scene.join()
  line.say(delta(1, 0, "over"), delta(2, 0, "going "))
  await scene.when("progress", ({ turn_id }) => turn_id === turnId(2))
  line.cut()
  scene.clock.advance(await scene.lost())
  const next = await scene.server.next()
  await next.next("start")
  const turn = {
    turn_id: turnId(2),
    message_id: messageId(9),
    state: "running",
    create_time: message(1).create_time,
  } as const
  next.say(joined({ recovered: false, top: 9, snapshot: [message(9)], turns: [turn] }), delta(2, 6, "on"), replayed(9))
  await scene.chat.ready()
  expect([...scene.chat.answers.values()].map(({ text }) => text)).toEqual(["going on"])
})

test("[P5.4] in another epoch nothing of the old text counts", async () => {
  await using scene = new Scene({ cursor: 0, epoch: "e1" })
  const line = await scene.join()
  line.say(delta(1, 0, "of the old log"))
  await scene.when("progress")
  line.cut()
  scene.clock.advance(await scene.lost())
  const next = await scene.server.next()
  await next.next("start")
  const turn = {
    turn_id: turnId(1),
    message_id: messageId(9),
    state: "running",
    create_time: message(1).create_time,
  } as const
  next.say(joined({ recovered: false, epoch: "e2", turns: [turn], snapshot: [] }), delta(1, 0, "new"), replayed(0))
  await scene.chat.ready()
  expect(scene.chat.answers.get(messageId(1))?.text).toBe("new")
})

test("[P5.7] when the service does not answer a start for 10 s, the client comes back on another socket", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  scene.clock.advance(1000)
  line.say(said(2))
  await line.next("start")
  scene.clock.advance(9999)
  expect(scene.chat.connection.state).toBe("connected")
  scene.clock.advance(1)
  expect(scene.chat.connection.state).toBe("waiting")
  scene.clock.advance(await scene.lost())
  const next = await scene.server.next()
  expect((await next.next("start")).data.cursor).toBe(0)
})

test("[P6.2] of a tool call and of a step the last word holds", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  const about = { turn_id: turnId(1), message_id: messageId(1) }
  const say = (data: Progress) => line.say({ type: "progress", data, chat_id: CHAT, trace_id: "t" })
  for (const state of ["running", "completed"] as const) {
    say({ kind: "tool", ...about, tool: { type: "tool", tool_call_id: "c1", name: "search", state } })
    say({ kind: "step", ...about, step: { type: "step", step_id: "s1", name: "Reading", state } })
  }
  await scene.when("progress", (news) => news.kind === "step" && news.step.state === "completed")
  expect(scene.heardOf("progress")).toHaveLength(4)
  const answer = scene.chat.answers.get(messageId(1))
  expect([answer?.tools.get("c1")?.state, answer?.steps.get("s1")?.state]).toEqual(["completed", "completed"])
  expect([answer?.tools.size, answer?.steps.size]).toEqual([1, 1])
})

test("[P7.7] the client tells up to where the person has read: never back, and again after a break until it is known", async () => {
  await using scene = new Scene({ cursor: 0 })
  const line = await scene.join()
  scene.chat.read()
  line.say(said(1), said(2))
  await scene.when("message", ({ seq }) => seq === 2)
  scene.chat.read()
  expect((await line.next("ack")).data).toEqual({ seq: 2 })
  scene.chat.read(1)
  await line.quiet()
  expect(line.frames.size).toBe(0)
  // The service has not kept it yet: the client's word was lost with the connection, perhaps.
  const second = await scene.again(line, 2)
  expect((await second.next("ack")).data).toEqual({ seq: 2 })
})
