// A Bisheng workflow behind this service: its events, its questions, stops, losses and restarts, as a device sees them.
import { expect, test } from "bun:test"
import { keep } from "../files/support.ts"
import type { TestClient } from "../support/client.ts"
import { FakeBisheng } from "../support/fake-bisheng/server.ts"
import { envelope } from "../support/fake-bisheng/wire.ts"
import * as up from "../support/fake-bisheng/workflow-script.ts"
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts"

const workflow_id = "f460a816edb2488d8ccb701aed1c737d"
const query = { chat_type: "WORKFLOW" }

async function scene(script: up.Script, more: Partial<TestServerOptions> = {}) {
  const fake = new FakeBisheng()
  fake.workflows.publish(workflow_id, script)
  const start = (folder?: string): Promise<TestServer> =>
    startTestServer({
      flows: [{ chat_type: "WORKFLOW", handler: "bisheng_workflow", options: { base_url: fake.url, workflow_id } }],
      ...(folder === undefined ? {} : { folder }),
      ...more,
    })
  const chat = await start()
  const client = await chat.connect({ chat: "c1", query })
  return {
    fake,
    chat,
    client,
    start,
    async [Symbol.asyncDispose]() {
      await chat[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
    },
  }
}

/** The end of the turn, with the answer that came before it. */
async function over(client: TestClient) {
  const { data: end } = await client.next("end")
  const result = client.frames.find((frame) => frame.type === "result" && frame.data.turn_id === end.turn_id)
  return { end, answer: result?.type === "result" ? result.data : undefined }
}

const answer = (client: TestClient, answer: object | string) =>
  client.ask({ type: "message", data: { kind: "input", answer: answer as never } })

test("each event of a workflow, and all four that ask: what is stored is what it said, with every part", async () => {
  const files = [{ path: "https://minio.example.org/report.pdf", name: "report.pdf" }]
  const full = "The full 完整的 text, 👋 with all of its characters."
  await using scenery = await scene(function* () {
    yield up.guideWord("Welcome")
    yield up.guideQuestion(["What is new?"])
    const { user_input } = yield up.dialog()
    yield up.delta("The full ", { reasoning: "Thinking." })
    yield up.delta("text")
    yield up.streamEnd(full)
    yield up.outputMsg(`You asked: ${user_input}`, files)
    const { output_result: text } = yield up.outputWithInput("Edit this:", "draft")
    const { output_result: choice } = yield up.outputWithChoose(`Send "${text}"?`, [{ id: "b1", label: "yes" }])
    const form = yield up.form([up.textItem("name", "Name"), up.selectItem("kind", "Kind", ["A", "B"])])
    yield up.outputMsg(`${choice} ${form.name} ${form.kind}`)
    yield up.guideQuestion(["What else?"])
    yield up.close()
  })
  const { client } = scenery
  await client.say("news?")
  const first = await over(client)
  expect(first.end).toMatchObject({
    state: "waiting_input",
    question: { fields: [{ type: "text", default: "draft" }] },
  })
  const said = `${full}\n\nYou asked: news?\n\nEdit this:`
  expect(first.answer?.message).toBe(said)
  expect(client.streamed(first.answer?.id)).toBe(said)
  expect(first.answer?.parts.map(({ type }) => type).sort()).toEqual(["file", "guide", "question", "reasoning", "step"])
  await answer(client, { output_result: "better" })
  expect((await over(client)).end.question?.fields).toMatchObject([
    { type: "select", options: [{ value: "b1", label: "yes" }] },
  ])
  await answer(client, { output_result: "b1" })
  expect((await over(client)).end.question?.fields.map(({ key }) => key)).toEqual(["name", "kind"])
  await answer(client, { name: "Ann", kind: "B" })
  const last = await over(client)
  expect(last.end).toMatchObject({ state: "completed", reason: "done", question: null })
  expect(last.answer).toMatchObject({
    message: "b1 Ann B",
    parts: [{ type: "suggestions", questions: ["What else?"] }],
  })
})

test("the stored message equals the full text where the pieces dropped characters, also for who comes later", async () => {
  const full = "一二三四五六七八九十 and so on, to the very end."
  await using scenery = await scene(function* () {
    for (const piece of ["一二", "五六七", "十 and on"]) yield up.delta(piece)
    yield up.streamEnd(full)
    yield up.outputMsg("Next.")
  })
  const { client, chat } = scenery
  await client.say("go")
  const { answer } = await over(client)
  expect(answer?.message).toBe(`${full}\n\nNext.`)
  expect(client.streamed(answer?.id)).toBe(`${full}\n\nNext.`)
  const body = (await (await chat.fetch("/chat/message/history?chat_id=c1")).json()) as {
    data: { items: { message: string }[] }
  }
  expect(body.data.items.map(({ message }) => message)).toContain(`${full}\n\nNext.`)
})

test("the service is restarted while a form waits, and another device answers it", async () => {
  await using scenery = await scene(function* () {
    const form = yield up.form([up.textItem("name", "Name"), up.fileItem(up.fileKey(), "Doc", { required: false })])
    yield up.outputMsg(`Booked for ${form.name}`)
  })
  const { client, chat, start, fake } = scenery
  await client.say("book")
  const asked = (await over(client)).end.question
  await chat.stop()
  await using again = await start(chat.folder)
  const other = await again.connect({ chat: "c1" })
  const [joined] = await other.join({ cursor: 3 })
  expect(joined?.data).toMatchObject({ question: asked })
  await answer(other, { name: "Ann" })
  expect((await over(other)).answer?.message).toBe("Booked for Ann")
  expect(fake.workflows.runs.length).toBe(1)
})

test("a file that lies elsewhere goes into the dialog with the first message", async () => {
  await using scenery = await scene(function* () {
    const { user_input, dialog_files_content } = yield up.dialog()
    yield up.outputMsg(`${user_input}: ${dialog_files_content}`)
  })
  const { client } = scenery
  const url = "https://files.example.org/a.pdf"
  await client.ask({
    type: "message",
    data: { kind: "file", text: "read", files: [{ name: "a.pdf", url, mime_type: "application/pdf" }] },
  })
  expect((await over(client)).answer?.message).toBe(`read: ${url}`)
})

test("[P6.5] a stop reaches the workflow: its run is stopped, the text so far is kept, the next message begins anew", async () => {
  let hangs = true
  await using scenery = await scene(function* () {
    const { user_input } = yield up.dialog()
    yield up.delta(`On ${user_input}: `)
    if (hangs) yield { wait: new Promise(() => undefined) }
    yield up.streamEnd(`On ${user_input}: done`)
  })
  const { client, fake } = scenery
  await client.say("one")
  await client.next("progress", ({ data }) => data.kind === "text")
  await client.send({ type: "interrupt" })
  expect(await over(client)).toMatchObject({
    end: { state: "interrupted", reason: "stopped" },
    answer: { message: "On one: " },
  })
  await fake.quiet()
  expect(fake.workflows.runs).toMatchObject([{ status: "stopped" }])
  hangs = false
  await client.say("two")
  expect((await over(client)).answer?.message).toBe("On two: done")
  expect(fake.workflows.runs.length).toBe(2)
})

test("a run that Bisheng loses ends the turn as engine_lost with a sentence and what came; said again, it is answered", async () => {
  let lost = true
  await using scenery = await scene(function* () {
    yield up.delta("Half ")
    if (lost) yield { vanish: true }
    yield up.streamEnd("Half and half")
  })
  const { client } = scenery
  await client.say("go")
  const first = await over(client)
  expect(first).toMatchObject({
    end: { state: "failed", reason: "engine_lost", error: { code: "engine_lost", retry: true } },
    answer: { message: "Half ", state: "failed" },
  })
  expect(first.end.error?.message).toContain("ask again")
  lost = false
  await client.say("go")
  expect(await over(client)).toMatchObject({ end: { state: "completed" }, answer: { message: "Half and half" } })
})

test("[P9.3] an error that comes with HTTP 200 is an error: its code and sentence are ours, its words stay in the log", async () => {
  await using scenery = await scene(function* () {
    yield up.outputMsg("Fine.")
  })
  const { client, fake } = scenery
  fake.answerOnce("/api/v2/workflow/invoke", () => envelope(429, "系统正忙，请稍候"))
  await client.say("go")
  const { end, answer } = await over(client)
  expect(end).toMatchObject({ state: "failed", reason: "engine_busy", error: { retry: true } })
  expect(end.error?.message).not.toContain("系统正忙")
  expect(answer).toBeUndefined()
})

test("a session that ended begins again with the next message, and one that was forgotten says so", async () => {
  await using scenery = await scene(function* ({ restarts }) {
    yield up.guideWord("Welcome")
    const { name } = yield up.form([up.textItem("name", "Name")])
    yield up.outputMsg(`${restarts}: ${name}`)
  })
  const { client, fake } = scenery
  await client.say("hi")
  await over(client)
  await answer(client, { name: "Ann" })
  expect((await over(client)).answer?.message).toBe("0: Ann")
  await client.say("once more")
  expect((await over(client)).end.question?.fields.length).toBe(1)
  fake.workflows.forget(fake.workflows.runs[0]?.id ?? "")
  await answer(client, { name: "Bob" })
  const forgotten = await over(client)
  expect(forgotten.answer?.message).toContain("has begun again")
  await answer(client, { name: "Bob" })
  expect((await over(client)).answer?.message).toBe("2: Bob")
})

test("files that are kept here reach the workflow, with a message and in a form's field, under their names", async () => {
  const got: unknown[] = []
  await using scenery = await scene(function* () {
    const dialog = yield up.dialog()
    got.push(dialog.dialog_files_content)
    const form = yield up.form([up.fileItem("file_1a2b", "Doc", { multiple: true })])
    got.push(form.file_1a2b)
    yield up.outputMsg("Read.")
  })
  const { client, chat, fake } = scenery
  const [{ file_id: one }, { file_id: two }] = [
    await keep(chat, "first", "one.txt"),
    await keep(chat, "second", "two.txt"),
  ]
  await client.ask({ type: "message", data: { kind: "file", text: "read", files: [{ file_id: one }] } })
  await over(client)
  await answer(client, { file_1a2b: [one, two] })
  expect((await over(client)).answer?.message).toBe("Read.")
  const paths = got.flat().map(String)
  expect(paths.map((path) => path.split("/").at(-1))).toEqual(["one.txt", "one.txt", "two.txt"])
  expect(paths.map((path) => fake.workflows.uploaded(path))).toEqual(["first", "first", "second"])
})
