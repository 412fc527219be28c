// Commands that change the conversation: a new context, once more, a file of it; each once, whatever is sent twice or at once.
import { expect, test } from "bun:test"
import { serviceCommands } from "../../src/chat/commands.ts"
import type { TestClient } from "../support/client.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"

const commandOf = (command: string, id?: string) => ({
  type: "message" as const,
  data: { kind: "command" as const, command },
  ...(id === undefined ? {} : { id }),
})

async function scene(query: Record<string, string> = {}) {
  const bot = scriptedHandler()
  const server = await startTestServer({ handlers: { bot: bot.handler } })
  const client = await server.connect({ chat: "c", query })
  /** Says something, has it answered, and gives back the run. */
  const exchange = async (text: string, answer: string) => {
    await client.say(text)
    const run = await bot.run()
    await run.yield({ type: "checkpoint", checkpoint: { after: text } })
    await run.say(answer)
    run.done()
    await client.next("end")
    return run
  }
  const command = async (text: string) => {
    const answer = await client.ask(commandOf(text))
    expect(answer.type).toBe("ack")
    return (await client.next("result", ({ data }) => data.turn_id === null)).data
  }
  return { bot, server, client, exchange, command }
}

/** The text of everything that was said on the branch that a bot was given. */
const historyOf = ({ history }: { history: readonly { question: { message: string | null } }[] }) =>
  history.map(({ question }) => question.message)

const typesOf = ({ events }: TestClient): string[] => events.map(({ type }) => type)

test("[P6.16] /clear begins a new context: no history and no checkpoint for the bot, and what was said stays", async () => {
  const { bot, server, client, exchange, command } = await scene()
  await using _ = server
  await exchange("one", "first")
  const reply = await command("/clear")
  expect(reply).toMatchObject({ is_bot: true, turn_id: null })
  expect(client.events.find(({ type }) => type === "status")).toMatchObject({
    data: { head: null, changed: ["branch"] },
  })
  await client.say("two")
  const run = await bot.run()
  expect(run.context.history).toEqual([])
  expect(run.context.checkpoint).toBeNull()
  await run.say("second")
  run.done()
  await client.next("end")
  await client.say("three")
  expect(historyOf((await bot.run()).context)).toEqual(["two"])
  const late = await server.connect({ chat: "c" })
  await late.join({ cursor: 0 })
  expect(JSON.stringify(late.frames)).toContain("first")
})

test("[P6.16] /clear closes the question that waits, for every device; what is said next is no answer to it", async () => {
  const { bot, server, client, command } = await scene()
  await using _ = server
  const other = await server.connect({ chat: "c" })
  await other.join()
  await client.say("one")
  const run = await bot.run()
  void run.yield({ type: "question", prompt: "which?" })
  const { question } = (await client.next("end")).data
  await command("/clear")
  const status = await other.next("status", ({ data }) => data.changed.includes("question"))
  expect(status.data).toMatchObject({ question: null, head: null, state: "completed" })
  const late = await client.ask({
    type: "message",
    data: { kind: "input", answer: "a", input_id: question?.input_id ?? "" },
  })
  expect(late).toMatchObject({ type: "error", data: { code: "no_question" } })
  await client.say("two")
  const next = await bot.run()
  expect(next.context.message.parts).toEqual([])
  expect(next.context.history).toEqual([])
  const joined = await (await server.connect({ chat: "c" })).join()
  expect(joined[0]).toMatchObject({ data: { question: null } })
})

test("[P6.16] /clear while an answer is given: it goes on to its end, and what is said next begins anew", async () => {
  const { bot, server, client, command } = await scene()
  await using _ = server
  await client.say("one")
  const run = await bot.run()
  await command("/clear")
  expect(run.context.signal.aborted).toBe(false)
  await client.say("two")
  await run.say("first")
  run.done()
  expect((await bot.run()).context.history).toEqual([])
})

test("[P6.16] /retry answers the last question on the branch once more, beside the first answer", async () => {
  const { bot, server, client, exchange, command } = await scene()
  await using _ = server
  await exchange("one", "first")
  await exchange("two", "second")
  await command("/retry")
  const run = await bot.run()
  expect(run.context.message.message).toBe("two")
  expect(historyOf(run.context)).toEqual(["one"])
  await run.say("better")
  run.done()
  const result = await client.next("result", ({ data }) => data.message === "better")
  expect(result.data.reply_to).toBe(run.context.message.id)
  await client.next("end")
  await client.say("three")
  const next = await bot.run()
  expect(next.context.history.map(({ answer }) => answer.message)).toEqual(["first", "better"])
})

test("[P6.16] /retry with nothing to answer says so; it waits in line like a question", async () => {
  const { bot, server, client, exchange, command } = await scene()
  await using _ = server
  const nothing = await command("/retry")
  expect(typesOf(client)).toEqual(["message", "result"])
  await exchange("one", "first")
  await client.say("two")
  const two = await bot.run()
  expect((await command("/retry")).message).not.toBe(nothing.message)
  two.done()
  expect((await bot.run()).context.message.message).toBe("two")
  expect(bot.runs).toBe(3)
})

test("[P6.16] an unknown command names the nearest; none near, the list alone", async () => {
  const { server, command } = await scene()
  await using _ = server
  expect((await command("/claer")).message).toContain("/clear?")
  expect((await command("/exp json")).message).toContain("/export?")
  expect((await command("/Titel x")).message).toContain("/title?")
  const far = (await command("/dance")).message ?? ""
  expect(far).not.toContain("?")
  for (const { usage, description } of serviceCommands("en")) expect(far).toContain(`${usage} - ${description}`)
  expect((await command(`/${"x".repeat(9000)}`)).message?.length).toBeLessThan(1000)
})

test("[P6.16] the commands are listed in the caller's language, with how they are written", () => {
  const names = ["help", "title", "stop", "clear", "retry", "export"]
  for (const language of ["en", "zh"] as const) expect(serviceCommands(language).map(({ name }) => name)).toEqual(names)
  expect(serviceCommands("zh").every(({ description }) => /\p{Script=Han}/u.test(description))).toBe(true)
  expect(serviceCommands("en").find(({ name }) => name === "title")?.usage).toBe("/title <words>")
})

for (const text of ["/clear", "/retry", "/stop", "/title x", "/help"]) {
  test(`[P3.3, P6.16] ${text} that is sent again, and from three devices at once, happens once`, async () => {
    const { bot, server, client, exchange } = await scene()
    await using _ = server
    await exchange("one", "first")
    if (text === "/stop") await client.say("two")
    const devices = await Promise.all([1, 2, 3].map(() => server.connect({ chat: "c" })))
    for (const device of devices) await device.join()
    const acks = await Promise.all(devices.map((device) => device.ask(commandOf(text, "x1"))))
    expect(new Set(acks.map(({ data }) => ("seq" in data ? data.seq : data))).size).toBe(1)
    expect(acks.filter(({ data }) => "dup" in data && !data.dup)).toHaveLength(1)
    const again = await server.connect({ chat: "c" })
    expect(await again.ask(commandOf(text, "x1"))).toMatchObject({ type: "ack", data: { dup: true } })
    const otherwise = await server.connect({ chat: "c" })
    expect(await otherwise.ask(commandOf("/help me", "x1"))).toMatchObject({ data: { code: "id_conflict" } })
    await client.settled()
    expect(client.events.filter(({ type, data }) => type === "message" && data.kind === "command")).toHaveLength(1)
    expect(client.events.filter(({ type, data }) => type === "result" && data.turn_id === null)).toHaveLength(1)
    if (text === "/retry") expect((await bot.run()).context.message.message).toBe("one")
    expect(bot.runs).toBe(text === "/retry" || text === "/stop" ? 2 : 1)
  })
}

test("[P6.16] different commands that race each happen once, one after the other", async () => {
  const { server, client, exchange } = await scene()
  await using _ = server
  await exchange("one", "first")
  await client.say("two")
  const devices = await Promise.all([1, 2, 3, 4].map(() => server.connect({ chat: "c" })))
  const said = ["/stop", "/clear", "/title a", "/retry", "/stop", "/title b", "/clear", "/help"]
  const acks = await Promise.all(said.map((text, number) => devices[number % 4]?.ask(commandOf(text, `r${number}`))))
  expect(acks.map((ack) => ack?.type)).toEqual(said.map(() => "ack"))
  await client.settled()
  const seqs = client.events.map(({ seq }) => seq)
  expect(seqs).toEqual(seqs.map((_, place) => place + 1))
  const commands = client.events.flatMap((event) =>
    event.type === "message" && event.data.kind === "command" ? [event.data.message] : [],
  )
  expect(commands.toSorted()).toEqual(said.toSorted())
  const late = await server.connect({ chat: "c" })
  await late.join({ cursor: 0 })
  expect(late.events).toEqual(client.events)
})

test("[P6.16] a command on a session that has ended is refused, and so is one that a stale tab says", async () => {
  const { server, client, exchange } = await scene()
  await using _ = server
  await exchange("one", "first")
  const stale = { ...commandOf("/clear"), data: { kind: "command" as const, command: "/clear", base_seq: 1 } }
  expect(await client.ask(stale)).toMatchObject({ data: { code: "conflict" } })
  await client.ask({ type: "end", data: {} })
  expect(await client.ask(commandOf("/clear"))).toMatchObject({ data: { code: "session_ended" } })
})
