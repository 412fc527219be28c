// Which bot a message goes to: by its kind, by who says it, and answers to whoever asked.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServerOptions } from "../support/server.ts"

const files = [{ name: "a.txt", url: "https://files.example.org/a", mime_type: "text/plain" }]
const file = { type: "message", data: { kind: "file", files } } as const
const input = (answer: string) => ({ type: "message", data: { kind: "input", answer } }) as const

async function scene(options: TestServerOptions) {
  const bots = { papers: scriptedHandler("papers"), talk: scriptedHandler("talk"), forms: scriptedHandler("forms") }
  const handlers = { papers: bots.papers.handler, talk: bots.talk.handler, forms: bots.forms.handler }
  const server = await startTestServer({ ...options, handlers })
  return { ...bots, server, handlers }
}

const byKind = {
  flows: [
    { flow_id: "*", handler: "papers", kinds: ["file"], policy: "reject" },
    { flow_id: "*", handler: "talk" },
  ],
}

test("[P6.21] a turn goes to the first bot that takes its kind of message, each with the policy of its entry", async () => {
  const { server, papers, talk } = await scene(byKind)
  await using _ = server
  const client = await server.connect({ chat: "c1" })
  await client.say("words")
  ;(await talk.run()).done()
  await client.next("end")
  expect((await client.ask(file)).type).toBe("ack")
  const run = await papers.run()
  expect(run.context.message.kind).toBe("file")
  expect(await client.ask(file)).toMatchObject({ type: "error", data: { code: "busy" } })
  expect((await client.say("this one waits")).type).toBe("ack")
  run.done()
  ;(await talk.run()).done()
  expect([papers.runs, talk.runs]).toEqual([1, 2])
})

test("[P6.21] an answer goes to the bot that asked, as often as it asks, in words or as input, and after a restart", async () => {
  const { server, handlers, papers, talk } = await scene(byKind)
  await using folder = server
  const client = await server.connect({ chat: "c1" })
  await client.ask(file)
  const ask = async (prompt: string) => (await papers.run()).yield({ type: "question", prompt })
  void ask("one?")
  await client.next("end")
  await client.ask(input("first"))
  void ask("two?")
  await client.next("end")
  await client.say("second")
  void ask("three?")
  await client.next("end")
  await server.stop()
  await using again = await startTestServer({ ...byKind, handlers, folder: folder.folder })
  const later = await again.connect({ chat: "c1" })
  await later.ask(input("third"))
  const last = await papers.run()
  expect(last.context.message.message).toBe("third")
  last.done()
  await later.next("end")
  // With no question open, words are words again.
  await later.say("words")
  ;(await talk.run()).done()
  await later.next("end")
  expect([papers.runs, talk.runs]).toEqual([4, 1])
})

test("[P6.21] an answer goes elsewhere only when the entry that asked takes none and another one does", async () => {
  const flows = [
    { flow_id: "*", handler: "papers", kinds: ["file"] },
    { flow_id: "*", handler: "forms", kinds: ["input"] },
    { flow_id: "*", handler: "talk", kinds: ["text", "input"] },
  ]
  const { server, papers, forms, talk } = await scene({ flows })
  await using _ = server
  const client = await server.connect({ chat: "c1" })
  await client.ask(file)
  void (await papers.run()).yield({ type: "question", prompt: "one?" })
  await client.next("end")
  await client.ask(input("to the forms"))
  ;(await forms.run()).done()
  await client.next("end")
  await client.say("words")
  void (await talk.run()).yield({ type: "question", prompt: "two?" })
  await client.next("end")
  await client.ask(input("to the talk"))
  expect((await talk.run()).context.message.message).toBe("to the talk")
})

test("[P6.21] a kind that no bot takes is refused, and nothing of it is kept", async () => {
  const { server, talk } = await scene({ flows: [{ flow_id: "*", handler: "talk", kinds: ["text"] }] })
  await using _ = server
  const client = await server.connect({ chat: "c1" })
  expect(await client.ask(file)).toMatchObject({ type: "error", data: { code: "kind_not_taken", retry: false } })
  expect(await client.say("words")).toMatchObject({ type: "ack", data: { seq: 1 } })
  expect((await talk.run()).context.message.kind).toBe("text")
})

test("[P6.21] each bot of a chat gets its own checkpoint, whatever the others leave in between", async () => {
  const { server, papers, talk } = await scene(byKind)
  await using _ = server
  const client = await server.connect({ chat: "c1" })
  const turn = async (bot: typeof talk, say: () => Promise<unknown>, checkpoint: string): Promise<unknown> => {
    await say()
    const run = await bot.run()
    await run.yield({ type: "checkpoint", checkpoint })
    run.done()
    await client.next("end")
    return run.context.checkpoint
  }
  expect(await turn(talk, () => client.say("1"), "talk 1")).toBe(null)
  expect(await turn(papers, () => client.ask(file), "papers 1")).toBe(null)
  expect(await turn(talk, () => client.say("2"), "talk 2")).toBe("talk 1")
  expect(await turn(papers, () => client.ask(file), "papers 2")).toBe("papers 1")
})

const guarded = {
  flows: [
    { flow_id: "lab", handler: "papers", allow: { roles: ["admin"], users: [7] } },
    { flow_id: "desk", handler: "papers", allow: { roles: ["admin"] } },
    { flow_id: "desk", handler: "talk" },
  ],
}

test("[P6.21] [P9.2] a flow that one may not use looks exactly like one that is not there, over the socket and REST", async () => {
  const { server } = await scene(guarded)
  await using _ = server
  const told = async (flow: string) => {
    const client = await server.connect({ flow, user: 2 })
    const refused = await client.next("error")
    const body = JSON.stringify({ flow_id: flow })
    const headers = { "content-type": "application/json" }
    const rest = await server.fetch("/chat/session/create", { method: "POST", body, headers, user: 2 })
    const { status_message, data } = (await rest.json()) as { status_message: string; data: { code: string } }
    const words = [refused.data.message, status_message].map((sentence) => sentence.replace(flow, "X"))
    return { words, codes: [refused.data.code, data.code], status: rest.status, close: (await client.closed).code }
  }
  const forbidden = await told("lab")
  expect(forbidden).toMatchObject({ codes: ["unknown_flow", "unknown_flow"], status: 404, close: 4501 })
  expect(forbidden).toEqual(await told("nowhere"))
})

test("[P6.21] users by their number and administrators by their role may use it; others get the entry after it", async () => {
  const { server, papers, talk } = await scene(guarded)
  await using _ = server
  for (const who of [{ user: 7 }, { user: 1, role: "admin" } as const]) {
    const client = await server.connect({ flow: "lab", chat: "c1", ...who })
    expect((await client.say("hi")).type).toBe("ack")
    ;(await papers.run()).done()
    await client.next("end")
  }
  const admin = await server.connect({ flow: "desk", chat: "c2", user: 1, role: "admin" })
  await admin.say("hi")
  ;(await papers.run()).done()
  const other = await server.connect({ flow: "desk", chat: "c2", user: 2 })
  await other.say("hi")
  ;(await talk.run()).done()
  await other.next("end")
})

test("[P6.21] whose role is taken away may not say a word in a chat that they made, and can still read it", async () => {
  const { server, papers } = await scene(guarded)
  await using _ = server
  const before = await server.connect({ flow: "lab", chat: "c1", user: 1, role: "admin" })
  await before.say("hi")
  ;(await papers.run()).done()
  await before.next("end")
  const after = await server.connect({ flow: "lab", chat: "c1", user: 1 })
  await after.join()
  for (const frame of [file, input("x"), { type: "message", data: { kind: "command", command: "/help" } } as const]) {
    const client = await server.connect({ flow: "lab", chat: "c1", user: 1 })
    expect(await client.ask(frame)).toMatchObject({ type: "error", data: { code: "unknown_flow" } })
  }
  expect((await server.fetch("/chat/message/history?chat_id=c1")).status).toBe(200)
  expect(papers.runs).toBe(1)
})

test("[P6.21] what waits in line keeps the role in which it was said, also for the next start", async () => {
  const { server, handlers, papers, talk } = await scene(guarded)
  await using first = server
  const admin = await server.connect({ flow: "desk", chat: "c1", user: 1, role: "admin" })
  await admin.say("one")
  await papers.run()
  await admin.say("two")
  await admin.settled()
  const other = await server.connect({ flow: "desk", chat: "c2", user: 2 })
  await other.say("one")
  await talk.run()
  await other.say("two")
  await other.settled()
  await server.stop()
  // Another configuration from now on: the desk's bot for everybody is gone.
  const flows = guarded.flows.slice(0, 2)
  await using again = await startTestServer({ flows, handlers, folder: first.folder })
  const run = await papers.run()
  expect([run.context.session.chat_id, run.context.message.message]).toEqual(["c1", "two"])
  run.done()
  const client = await again.connect({ flow: "desk", chat: "c2", user: 2 })
  await client.join({ cursor: 0 })
  await client.seen(4)
  const ends = client.events.filter(({ type }) => type === "end")
  expect(ends.at(-1)?.data).toMatchObject({ state: "failed", reason: "unknown_flow" })
  expect(talk.runs).toBe(1)
})
