// Stop stops: the bot's work is aborted, what it had said is kept, everybody is told, and too late is told as well.
import { expect, test } from "bun:test"
import { turnOfTheLoop } from "../support/clock.ts"
import { startModelServer } from "../support/model-server.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

async function scene() {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler } })
  const client = await chat.connect({ chat: "c1" })
  await client.say("a question", "m1")
  const { turn_id } = (await client.next("message")).data
  const run = await bot.run()
  return { bot, chat, client, run, turn_id: turn_id ?? "" }
}

async function interruptOverRest(chat: TestServer, body: object): Promise<{ result: string; turn_id: string | null }> {
  const headers = { "content-type": "application/json" }
  const answer = await chat.fetch("/chat/interrupt", { method: "POST", headers, body: JSON.stringify(body) })
  return ((await answer.json()) as { data: { result: string; turn_id: string | null } }).data
}

test("[P6.4] interrupt stops the running turn: the event says by whom, the turn's end confirms it, all devices see both", async () => {
  const { chat, client, run, turn_id } = await scene()
  await using _ = chat
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  await run.say("A long ")
  const ack = await other.ask({ type: "interrupt", trace_id: "t-stop" })
  expect(ack).toMatchObject({ type: "ack", data: { seq: 2, dup: false } })
  for (const device of [client, other]) {
    const told = await device.next("interrupt")
    expect(told).toMatchObject({ seq: 2, trace_id: "t-stop", data: { turn_id, result: "requested", by: 1 } })
    expect((await device.next("result")).data).toMatchObject({ message: "A long ", state: "interrupted" })
    expect((await device.next("end")).data).toMatchObject({ turn_id, state: "interrupted", reason: "stopped" })
  }
})

test("[P6.5] [P6.4] stopping aborts the handler, and what it yields afterwards is dropped", async () => {
  const { chat, client, run } = await scene()
  await using _ = chat
  await run.say("kept")
  await client.ask({ type: "interrupt" })
  await run.returned
  expect(run.context.signal.aborted).toBe(true)
  void run.say(" dropped")
  run.done()
  expect((await client.next("result")).data.message).toBe("kept")
  await client.next("end")
  await client.settled()
  expect(client.streamed()).toBe("kept")
  expect(client.events.filter(({ type }) => type === "end").length).toBe(1)
})

test("[P6.5] stopping reaches the model: the request to it is aborted", async () => {
  await using model = await startModelServer()
  model.mock.onMessage("Tell me", { content: "word ".repeat(2000) }, { chunkSize: 5, latency: 20 })
  await using chat = await startTestServer({ env: { MODEL_BASE_URL: model.url } })
  const client = await chat.connect({ chat: "c1" })
  await client.say("Tell me")
  await client.next("progress")
  await client.ask({ type: "interrupt" })
  await model.abandoned()
  const result = await client.next("result")
  expect(result.data.state).toBe("interrupted")
  expect(result.data.message).toBe(client.streamed())
})

test("[P4.5] [P6.5] what was said until the interruption is kept with everything shown; it is not context of the next turn", async () => {
  const { bot, chat, client, run } = await scene()
  await using _ = chat
  await run.yield({ type: "reasoning", text: "hm" })
  await run.yield({ type: "tool", tool: { tool_call_id: "t1", name: "search", state: "running" } })
  await run.say("half of an answer")
  await client.ask({ type: "interrupt" })
  const { data } = await client.next("result")
  expect(data).toMatchObject({ state: "interrupted", message: "half of an answer" })
  expect(data.parts).toMatchObject([{ type: "reasoning" }, { type: "tool", state: "running" }])
  await client.say("go on")
  expect((await bot.run()).context.history).toEqual([])
})

test("[P4.5] what was said until a failure is kept: the result is failed, the end says why in the person's language", async () => {
  const { chat, client, run } = await scene()
  await using _ = chat
  await run.say("half of")
  run.fail(new Error("a secret detail of the handler"))
  expect((await client.next("result")).data).toMatchObject({ state: "failed", message: "half of" })
  const end = await client.next("end")
  expect(end.data).toMatchObject({ state: "failed", reason: "handler_failed", error: { code: "handler_failed" } })
  await client.settled()
  expect(JSON.stringify(client.frames)).not.toContain("secret detail")
})

test("[P9.3] an error never says more than its code's sentence, whatever the bot threw", async () => {
  const { chat, client, run } = await scene()
  await using _ = chat
  run.fail({ password: "hunter2", toString: () => "hunter2" })
  const { error } = (await client.next("end")).data
  expect(error).toEqual({
    code: "handler_failed",
    message: "The bot failed. Try again; if it happens again, tell an operator the trace_id.",
    retry: true,
  })
})

test("[P4.4] a turn in which the bot said nothing has no result, and one end", async () => {
  const { chat, client, run } = await scene()
  await using _ = chat
  await client.ask({ type: "interrupt" })
  await client.next("end", ({ data }) => data.message_id === null)
  void run.say("too late")
  await client.settled()
  expect(client.events.map(({ type }) => type)).toEqual(["message", "interrupt", "end"])
})

test("[P6.4] a stop that was asked for before is asked for already: no second event, and the same end", async () => {
  const { chat, client, run } = await scene()
  await using _ = chat
  const answers = await Promise.all([1, 2, 3].map(() => client.ask({ type: "interrupt" })))
  expect(answers.map(({ data }) => ("seq" in data ? data.seq : data)).sort()).toEqual([2, null, null])
  await client.next("end")
  await client.settled()
  expect(client.events.map(({ type }) => type)).toEqual(["message", "interrupt", "end"])
  expect(run.context.signal.aborted).toBe(true)
})

test("[P6.4] with no turn open, or one that has ended, the sender alone gets too_late", async () => {
  const { chat, client, run, turn_id } = await scene()
  await using _ = chat
  const other = await chat.connect({ chat: "c1" })
  await other.join()
  run.done()
  await client.next("end")
  await client.send({ type: "interrupt", id: "i1", trace_id: "t1" })
  expect(await client.next("interrupt")).toMatchObject({ data: { turn_id: null, result: "too_late" }, trace_id: "t1" })
  expect(await client.answer("i1")).toMatchObject({ type: "ack", data: { seq: null } })
  await client.send({ type: "interrupt", data: { turn_id } })
  expect(await client.next("interrupt")).toMatchObject({ data: { turn_id, result: "too_late" } })
  await other.settled()
  expect(other.frames.some(({ type }) => type === "interrupt")).toBe(false)
})

test("[P6.4] a turn that waits in line is taken out of it, by its id; the running one goes on", async () => {
  const { bot, chat, client, run } = await scene()
  await using _ = chat
  await client.say("second", "m2")
  await client.say("third", "m3")
  const second = (await client.next("message", ({ data }) => data.client_id === "m2")).data.turn_id ?? ""
  const ack = await client.ask({ type: "interrupt", data: { turn_id: second } })
  expect((await client.next("interrupt")).seq).toBe(4)
  expect(ack).toMatchObject({ type: "ack", data: { seq: 4 } })
  expect((await client.next("end")).data).toMatchObject({ turn_id: second, state: "interrupted", reason: "stopped" })
  expect(run.context.signal.aborted).toBe(false)
  run.done()
  expect((await bot.run()).context.message.message).toBe("third")
  expect(bot.runs).toBe(2)
})

test("[P6.4] REST's answer is confirmed, requested or too_late", async () => {
  const { bot, chat, client, turn_id } = await scene()
  await using _ = chat
  expect(await interruptOverRest(chat, { chat_id: "c1", wait_ms: 5000 })).toMatchObject({
    result: "confirmed",
    turn_id,
  })
  expect(await interruptOverRest(chat, { chat_id: "c1" })).toMatchObject({ result: "too_late", turn_id: null })
  await client.say("again", "m2")
  await bot.run()
  expect(await interruptOverRest(chat, { chat_id: "c1", wait_ms: 0 })).toMatchObject({ result: "requested" })
})

test("[P6.4] a stop in the moment in which the turn ends is requested or too late, never both and never neither", async () => {
  const results = new Set<string>()
  for (let turns = 0; turns < 8; turns++) {
    const { chat, client, run, turn_id } = await scene()
    await using _ = chat
    const [active] = chat.server.manager.getActiveSessions()
    const principal = { user_id: 1, role: "user" as const, expires_at: Number.MAX_SAFE_INTEGER }
    run.done()
    for (let turn = 0; turn < turns; turn++) await turnOfTheLoop()
    const { id = "" } = active?.session ?? {}
    const answer = await chat.server.manager.interrupt(principal, { id }, { wait_ms: 0, trace_id: "t" })
    results.add(answer.result)
    await client.next("end")
    await client.settled()
    const events = client.events.map(({ type }) => type)
    expect([answer.result, events]).toEqual(
      answer.result === "requested" ? ["requested", ["message", "interrupt", "end"]] : ["too_late", ["message", "end"]],
    )
    expect(
      client.events.filter(({ type, data }) => type === "end" && "turn_id" in data && data.turn_id === turn_id),
    ).toHaveLength(1)
  }
  expect(results.has("too_late")).toBe(true)
})
