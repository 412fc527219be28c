// Two browsers of one person on two instances, in one chat at the same time, through the client library: each sees what the
// other says and the one answer, both end with the same log; stop, name and deletion reach both. With the bus, and without.
import { describe, expect, test } from "bun:test"
import { type Chat, connectChat } from "../../src/client/chat.ts"
import type { ChatEvent } from "../../src/client/events.ts"
import { natsServer, startNats } from "../support/nats.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"
import { until } from "../support/until.ts"

const secret = "a secret for both instances, long enough to be one"

/** Two instances on one database, each with its bot, and a browser on each. */
async function openScene({ bus }: { bus: boolean }) {
  await using opened = new AsyncDisposableStack()
  const sqld = opened.use(await startSqld())
  const env: Record<string, string> = { DATABASE_URL: sqld.url, JWT_SECRET: secret }
  if (bus) env.NATS_URL = opened.use(await startNats()).url
  const bots = [scriptedHandler(), scriptedHandler()] as const
  const serve = async (bot: (typeof bots)[number]) =>
    opened.use(await startTestServer({ handlers: { scripted: bot.handler }, env }))
  const servers = [await serve(bots[0]), await serve(bots[1])] as const
  const browse = (at: 0 | 1) => {
    const server = servers[at]
    const options = { flow_id: "default", chat_id: "c_both", cursor: 0, token: () => server.token() }
    const chat = opened.use(connectChat({ ...options, url: server.url }))
    const log: ChatEvent[] = []
    const shown = new Map<string, string>()
    const reading = (async () => {
      for await (const event of chat) log.push(event)
    })().catch((error: unknown) => error)
    chat.on("progress", (news) => news.kind === "text" && shown.set(news.message_id, news.text))
    return { chat, log, shown, reading }
  }
  const browsers = [browse(0), browse(1)] as const
  const everywhere = (what: string, holds: (chat: Chat, log: readonly ChatEvent[]) => boolean) =>
    until(() => browsers.every(({ chat, log }) => holds(chat, log)), what)
  // One makes the chat before the other comes to it.
  await browsers[0].chat.ready()
  await browsers[1].chat.ready()
  const disposal = opened.move()
  return { servers, bots, browsers, everywhere, [Symbol.asyncDispose]: () => disposal.disposeAsync() }
}

const kinds = [
  { name: "with the bus", bus: true, missing: noSqld !== null || !natsServer },
  { name: "without a bus", bus: false, missing: noSqld !== null },
]
if (noSqld) process.stderr.write(`skipped: ${noSqld}\n`)
if (!natsServer) process.stderr.write("skipped: nats-server is not on this machine\n")

for (const { name, bus, missing } of kinds) {
  describe.skipIf(missing)(`two browsers on two instances, ${name}`, () => {
    test("[P4.1, P6.3] typing at the same time: one order, one answer to each thing said, the same text for both", async () => {
      await using it = await openScene({ bus })
      const { bots, browsers, everywhere } = it
      const [left, right] = browsers
      const said = Array.from({ length: 5 }, (_, at) => [left.chat.send(`left ${at}`), right.chat.send(`right ${at}`)])
      const seqs = (await Promise.all(said.flat())).map(({ seq }) => seq)
      expect(new Set(seqs).size).toBe(10)
      // Turns run where they were asked for, one at a time; the bots do not know of each other.
      const answering = bots.map(async (bot, at) => {
        for (let turn = 0; turn < 10; turn++) {
          const run = await bot.run()
          for (const word of ["To ", `"${run.context.message.message}" `, "I say 漢 ", `(${at}).`]) await run.say(word)
          run.done()
        }
      })
      void Promise.all(answering)
      await everywhere("ten turns to end", (_, log) => log.filter(({ type }) => type === "end").length === 10)
      await everywhere(
        "both to be at rest",
        ({ turns, session }) => turns.length === 0 && session?.state === "completed",
      )
      expect(right.log).toEqual(left.log)
      expect(left.log.flatMap((event) => ("seq" in event ? [event.seq] : []))).toEqual(
        Array.from({ length: left.log.length }, (_, at) => at + 1),
      )
      const results = left.log.flatMap((event) => (event.type === "result" ? [event.data] : []))
      expect(results.map(({ message }) => message?.replace(/ \(\d\)\.$/, "")).toSorted()).toEqual(
        said.flatMap((_, at) => [`To "left ${at}" I say 漢`, `To "right ${at}" I say 漢`]).toSorted(),
      )
      for (const { shown, chat } of browsers) {
        for (const { id, message } of results) expect(message?.startsWith(shown.get(id) ?? "")).toBe(true)
        expect(chat.answers.size).toBe(0)
      }
      expect(bots[0].runs + bots[1].runs).toBe(10)
    })

    test("[P6.1, P6.4, P6.5] an answer streams to both; stopped from the instance that does not run it, it stops", async () => {
      await using it = await openScene({ bus })
      const [left, right] = it.browsers
      await left.chat.send("talk")
      const run = await it.bots[0].run()
      await run.say("Once upon ")
      await run.say("a time ")
      const shows = (text: string) => (chat: Chat) => [...chat.answers.values()].some((answer) => answer.text === text)
      // Without a bus the pieces are shown where the turn runs; elsewhere the text comes with the result.
      if (bus) await it.everywhere("both to show the text so far", shows("Once upon a time "))
      await until(() => right.chat.turns.length === 1, "the other browser to know of the turn")
      expect(await right.chat.interrupt()).toBe("requested")
      await run.returned
      expect(run.context.signal.aborted).toBe(true)
      await it.everywhere("the end", (_, log) => log.some(({ type }) => type === "end"))
      expect(right.log).toEqual(left.log)
      expect(left.log.map(({ type }) => type).toSorted()).toEqual(["end", "interrupt", "message", "result"])
      expect(left.log.find(({ type }) => type === "result")?.data).toMatchObject({
        ...{ message: "Once upon a time ", state: "interrupted" },
      })
      expect(await right.chat.interrupt()).toBe("too_late")
    })

    test("[P6.8, P8.1] a new name, the state, and the deletion of the chat reach both", async () => {
      await using it = await openScene({ bus })
      const { servers, browsers, everywhere } = it
      const [left, right] = browsers
      const id = left.chat.session?.id
      const renamed = await servers[1].fetch(`/chat/session/${id}`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ topic: "Two of us" }),
      })
      expect(renamed.status).toBe(200)
      await everywhere("the name", ({ session }) => session?.topic === "Two of us")
      await left.chat.send("hello")
      await everywhere("the question", ({ turns, session }) => turns.length === 1 && session?.state === "running")
      const run = await it.bots[0].run()
      await run.yield({ type: "title", title: "Named by the bot" })
      void run.yield({ type: "question", prompt: "Which one?" })
      await everywhere(
        "the bot's question",
        ({ question, session }) => question?.prompt === "Which one?" && session?.state === "waiting_input",
      )
      await right.chat.send({ kind: "input", answer: "that one" })
      await everywhere("the answer", ({ question, session }) => question === null && session?.state === "running")
      expect(browsers.map(({ chat }) => chat.session?.topic)).toEqual(["Named by the bot", "Named by the bot"])
      expect(await right.chat.status()).toMatchObject({ state: "running", topic: "Named by the bot" })

      expect((await servers[0].fetch(`/chat/session/${id}`, { method: "DELETE" })).status).toBe(200)
      await everywhere("both to be told that it is gone", ({ connection }) => connection.state === "closed")
      for (const { chat, reading } of browsers) {
        expect(chat.connection).toMatchObject({ error: { code: "chat_deleted", close_code: 4510 } })
        expect(await reading).toMatchObject({ code: "chat_deleted" })
      }
      const numbered = (log: readonly ChatEvent[]) => log.filter((event) => "seq" in event)
      expect(numbered(right.log)).toEqual(numbered(left.log))
    })
  })
}
