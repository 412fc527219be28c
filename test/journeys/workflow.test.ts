// A workflow over real sockets: the intake from its start to its end, graphs with steps side by side and within each other, branches,
// a stop, a restart while a form waits.
import { expect, test } from "bun:test"
import { join } from "node:path"
import type { ServerFrameOf } from "../../src/protocol/server-frame.ts"
import type { TestClient } from "../support/client.ts"
import { effectsIn } from "../support/graphs/effects.ts"
import { temporaryFolder } from "../support/process.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

type End = ServerFrameOf<"end">["data"]

const workflow = { query: { chat_type: "WORKFLOW" } }

/** Says something, and resolves with the turn's end and the text of its answer. */
async function exchange(client: TestClient, said: { text: string } | { answer: unknown }) {
  const data =
    "text" in said
      ? { kind: "text" as const, text: said.text }
      : { kind: "input" as const, answer: JSON.parse(JSON.stringify(said.answer)) }
  const sent = await client.ask({ type: "message", data })
  expect(sent).toMatchObject({ type: "ack" })
  return nextEnd(client)
}

function stepsTold(client: TestClient, turn_id?: string) {
  return client.frames.flatMap(({ type, data }) =>
    type === "progress" && data.kind === "step" && data.turn_id === (turn_id ?? data.turn_id) ? [data.step] : [],
  )
}

async function nextEnd(client: TestClient): Promise<{ end: End; text: string }> {
  const { data: end } = await client.next("end")
  const result = client.frames.find((frame) => frame.type === "result" && frame.data.id === end.message_id)
  const text = result?.type === "result" ? (result.data.message ?? "") : ""
  if (end.message_id !== null) expect(client.streamed(end.message_id)).toBe(text)
  return { end, text }
}

function at(name: string, config: object = {}) {
  const graph = join(import.meta.dir, `../support/graphs/${name}.ts`)
  return { chat_type: "WORKFLOW", handler: "graph", options: { graph, config } }
}

test("[P6.7] the intake, with nothing configured: a choice, a form, what was wrong, a summary refused and agreed to", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect({ chat: "c1", ...workflow })
  const first = await exchange(client, { text: "hello" })
  expect(first).toMatchObject({ end: { state: "waiting_input", question: { prompt: "What is it about?" } } })
  expect(first.text).toStartWith("Welcome.")
  const form = await exchange(client, { answer: { topic: "visit" } })
  expect(form.end.question?.fields.map(({ key }) => key)).toEqual(["day", "people", "email", "phone"])
  const late = await exchange(client, { answer: { day: "2020-01-01", people: 2, phone: "1" } })
  expect(late.end.question?.prompt).toContain("the day is over already")
  expect(late.end.question?.fields).toMatchObject([{ default: "2020-01-01" }, { default: 2 }, {}, { default: "1" }])
  const nobody = await exchange(client, { answer: { day: "2999-01-01", people: 2, phone: null } })
  expect(nobody.end.question?.prompt).toContain("an e-mail address or a phone number")
  const right = { day: "2999-01-01", people: 3, email: "a@b.example" }
  expect((await exchange(client, { answer: right })).end.question?.prompt).toContain("How many people: 3")
  const change = await exchange(client, { answer: { agreed: { approved: false } } })
  expect(change.end.question?.prompt).toBe("When do you want to come?")
  await exchange(client, { answer: { ...right, people: 4 } })
  const last = await exchange(client, { answer: { agreed: { approved: true } } })
  expect(last.end).toMatchObject({ state: "completed", reason: "done" })
  expect(last.text).toContain("- How many people: 4")
  const steps = stepsTold(client, last.end.turn_id).map(({ name, state }) => `${name} ${state}`)
  expect(steps).toEqual(["confirm running", "confirm completed", "finish running", "finish completed"])
  // The run is over; the next message begins another.
  expect((await exchange(client, { text: "once more" })).end.question?.prompt).toBe("What is it about?")
})

test("in Chinese, the intake speaks Chinese", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect({ chat: "c1", query: { chat_type: "WORKFLOW", lang: "zh" } })
  const { end, text } = await exchange(client, { text: "你好" })
  expect(text).toStartWith("欢迎")
  expect(end.question).toMatchObject({ prompt: "您想咨询什么？", fields: [{ label: "主题" }] })
})

test("[P6.7] a form that waits outlives the service: another one goes on with the answer", async () => {
  const chat = await startTestServer()
  await using folder = { path: chat.folder, [Symbol.asyncDispose]: () => chat[Symbol.asyncDispose]() }
  const client = await chat.connect({ chat: "c1", ...workflow })
  await exchange(client, { text: "hello" })
  const { end } = await exchange(client, { answer: { topic: "wish" } })
  await chat.stop()
  await using again = await startTestServer({ folder: folder.path })
  const back = await again.connect({ chat: "c1" })
  const [start] = await back.join()
  expect(start?.data).toMatchObject({ question: end.question })
  const next = await exchange(back, { answer: { description: "a pony", phone: "1" } })
  expect(next.end.question?.prompt).toContain("a pony")
})

test("[P6.7] two devices see the same form; the first answer goes on, the other is told that it came late", async () => {
  await using chat = await startTestServer()
  const one = await chat.connect({ chat: "c1", ...workflow })
  const { end } = await exchange(one, { text: "hello" })
  const other = await chat.connect({ chat: "c1" })
  expect((await other.join({ cursor: 0 }))[0]?.data).toMatchObject({ question: end.question })
  const input_id = end.question?.input_id ?? ""
  const answer = (topic: string) => ({
    type: "message" as const,
    data: { kind: "input" as const, answer: { topic }, input_id },
  })
  const acks = await Promise.all([one.ask(answer("wish")), other.ask(answer("visit"))])
  expect(acks.map(({ type }) => type).sort()).toEqual(["ack", "error"])
  const wish = acks[0]?.type === "ack"
  for (const device of [one, other]) {
    const { data } = await device.next("end", ({ data }) => data.turn_id !== end.turn_id)
    expect(data.question?.prompt).toBe(wish ? "Tell us what you would like." : "When do you want to come?")
  }
})

test("[P6.7] a text that is no answer leaves the form open, and the bot says so; one that can be the answer is", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect({ chat: "c1", ...workflow })
  await exchange(client, { text: "hello" })
  const form = await exchange(client, { answer: { topic: "visit" } })
  const other = await exchange(client, { text: "what do you mean?" })
  expect(other).toMatchObject({ end: { state: "completed", question: null } })
  expect(other.text).toStartWith("The form above still waits")
  await client.send({ type: "status", trace_id: "asked" })
  const status = await client.next("status", ({ trace_id }) => trace_id === "asked")
  expect(status.data).toMatchObject({ state: "waiting_input", question: form.end.question })
  const answer = { day: "2999-01-01", people: 2, phone: "1" }
  expect((await exchange(client, { answer })).end.question?.prompt).toContain("2999-01-01")
  // The only field, a yes or no.
  expect((await exchange(client, { text: "yes" })).text).toStartWith("Thank you.")
})

test("two chats at once do not mix", async () => {
  await using chat = await startTestServer()
  const talk = async (name: string, description: string) => {
    const client = await chat.connect({ chat: name, ...workflow })
    await exchange(client, { text: "hello" })
    await exchange(client, { answer: { topic: "wish" } })
    await exchange(client, { answer: { description, phone: "1" } })
    return exchange(client, { answer: { agreed: { approved: true } } })
  }
  const names = ["a", "b", "c"]
  const lasts = await Promise.all(names.map((name) => talk(name, `for ${name}`)))
  for (const [place, { text }] of lasts.entries()) {
    expect(names.filter((name) => text.includes(`for ${name}`))).toEqual([names[place] ?? ""])
  }
})

test("[P6.12] an answer asked again, and an earlier one given in other words, go on from their own place", async () => {
  await using chat = await startTestServer()
  const client = await chat.connect({ chat: "c1", ...workflow })
  await exchange(client, { text: "hello" })
  const form = await exchange(client, { answer: { topic: "wish" } })
  const summary = await exchange(client, { answer: { description: "red", phone: "1" } })
  await exchange(client, { answer: { agreed: { approved: true } } })
  // The form once more, from the answer before it.
  const regenerate = (message_id: string | null) =>
    client.ask({ type: "message", data: { kind: "regenerate", message_id: message_id ?? "" } })
  expect(await regenerate(form.end.message_id)).toMatchObject({ type: "ack" })
  const again = await nextEnd(client)
  expect(again.end.question?.prompt).toBe("Tell us what you would like.")
  const blue = await exchange(client, { answer: { description: "blue", phone: "2" } })
  expect(blue.end.question?.prompt).toContain("blue")
  expect((await exchange(client, { answer: { agreed: { approved: true } } })).text).toContain("blue")
  // And the one of the first branch, which knows nothing of the other.
  expect(await regenerate(summary.end.message_id)).toMatchObject({ type: "ack" })
  expect((await nextEnd(client)).end.question?.prompt).toContain("red")
  expect((await exchange(client, { answer: { agreed: { approved: true } } })).text).toContain("red")
})

async function withGraph(name: string, config: object = {}): Promise<TestServer & { effects(): string[] }> {
  const folder = await temporaryFolder()
  const file = join(folder.path, "effects")
  const chat = await startTestServer({ flows: [at(name, { file, ...config })] })
  return {
    ...chat,
    effects: () => effectsIn(file),
    async [Symbol.asyncDispose]() {
      await chat[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

test("what nodes write is told as it comes, in order, and kept: words, tools, sources, and steps with those within them", async () => {
  const say = ["one ", { type: "citation", citation: { citation_id: "1", title: "A book" } }, "two"]
  await using chat = await withGraph("talk", { say: [...say, { type: "title", title: "Books" }] })
  const client = await chat.connect({ chat: "c1", ...workflow })
  const { text } = await exchange(client, { text: "go" })
  expect(text).toBe("one two")
  const told = client.frames.flatMap(({ type, data }) => (type === "progress" ? [data.kind] : []))
  expect(told).toEqual(["step", "text", "part", "text", "step"])
  const result = client.frames.find(({ type }) => type === "result")?.data
  expect(result).toMatchObject({
    parts: [
      { type: "step", state: "completed" },
      { type: "citation", title: "A book" },
    ],
  })
})

test("[P6.7] nodes side by side and graphs within: asked one after the other, each node's work done once", async () => {
  await using chat = await withGraph("fork")
  const client = await chat.connect({ chat: "c1", ...workflow })
  const prompts: (string | undefined)[] = []
  for (const said of [{ text: "go" }, { answer: { color: "red" } }, { answer: "XL" }, { answer: "Ada" }]) {
    prompts.push((await exchange(client, said)).end.question?.prompt)
  }
  expect(prompts).toEqual(["Which color?", "Which size?", "Whose name?", "Is it Ada?"])
  const { text } = await exchange(client, { answer: "yes" })
  expect(text).toBe('Said: ["left {\\"color\\":\\"red\\"}","middle XL","right","named Ada yes"]')
  for (const name of ["left", "right", "within", "named"])
    expect(chat.effects().filter((effect) => effect === name)).toEqual([name])
  const steps = stepsTold(client)
  const within = steps.flatMap(({ name, parent_id }) => (name === "asking" ? [parent_id] : []))
  const outer = steps.flatMap(({ name, step_id }) => (name === "within" ? [step_id] : []))
  expect(within.length).toBeGreaterThan(0)
  expect(new Set(within)).toEqual(new Set(outer))
})

test("[P6.4] a graph is stopped in the middle of a node, with what it said kept; the next message begins anew", async () => {
  await using chat = await withGraph("line", { hangs: "two" })
  const client = await chat.connect({ chat: "c1", ...workflow })
  await client.say("go")
  await client.next("progress", ({ data }) => data.kind === "step" && data.step.name === "two")
  await client.ask({ type: "interrupt" })
  const stopped = await nextEnd(client)
  expect(stopped.end).toMatchObject({ state: "interrupted", reason: "stopped" })
  expect(stopped.text).toStartWith("one: one is done.")
  expect((await exchange(client, { text: "go" })).text).toStartWith("one: one is done. two: two is done.")
})

test("a node that fails ends the turn as failed, telling nothing of why; the next message goes on from there", async () => {
  await using chat = await withGraph("line", { fails: "two" })
  const client = await chat.connect({ chat: "c1", ...workflow })
  const failed = await exchange(client, { text: "go" })
  expect(failed.end).toMatchObject({ state: "failed", error: { code: "handler_failed" } })
  expect(JSON.stringify(client.frames)).not.toContain("a secret of the node")
  const again = await exchange(client, { text: "again" })
  expect(again.end.state).toBe("completed")
  expect(chat.effects().filter((effect) => !effect.includes("begun"))).toEqual(["one", "two", "three"])
})
