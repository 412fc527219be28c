// A Bisheng workflow's events become ours, whatever it says and asks, and in whatever pieces it comes.
import { expect, test } from "bun:test"
import { HandlerEvent } from "../../src/handlers/handler.ts"
import * as up from "../support/fake-bisheng/workflow-script.ts"
import { of, scene, textOf } from "./bisheng-scene.ts"

const invoke = "/api/v2/workflow/invoke"

test("the first message is not lost: what the workflow asks first in a dialog is answered with it at once", async () => {
  await using chat = scene(function* () {
    yield up.guideWord("Hello, I am a 机器人 👋")
    yield up.guideQuestion(["What can you do?", "Who are you?"])
    const { user_input } = yield up.dialog()
    yield up.outputMsg(`You said: ${user_input}`)
  })
  const run = await chat.say("你好 👩‍👩‍👧‍👦")
  expect(run.error).toBeUndefined()
  expect(textOf(run.events)).toBe("You said: 你好 👩‍👩‍👧‍👦")
  expect(of(run, "guide").at(-1)?.guide).toEqual({
    words: "Hello, I am a 机器人 👋",
    questions: ["What can you do?", "Who are you?"],
  })
  const [first, second] = chat.fake.sent(invoke)
  expect(first).toEqual({ workflow_id: chat.options.workflow_id, stream: true })
  expect(second).toMatchObject({ input: { input_2775b: { user_input: "你好 👩‍👩‍👧‍👦", dialog_files_content: [] } } })
  expect(chat.checkpoint).toMatchObject({ state: "over" })
  for (const event of run.events) HandlerEvent.parse(event)
})

test("a later dialog input is a question without fields, and any text answers it", async () => {
  await using chat = scene(function* () {
    yield up.guideWord("Talk to me")
    for (let turn = 1; ; turn++) {
      const { user_input } = yield up.dialog()
      yield up.outputMsg(`${turn}: ${user_input}`)
    }
  })
  const first = await chat.say("one")
  expect(of(first, "question")).toEqual([{ type: "question", prompt: "Talk to me", fields: [] }])
  const second = await chat.answer("two")
  expect(textOf(second.events)).toBe("2: two")
  expect(of(second, "question")).toMatchObject([{ prompt: "What would you like to say?", fields: [] }])
  expect((await chat.say("three", [], { language: "zh" })).events.at(-1)).toMatchObject({
    prompt: "请输入您想说的内容。",
  })
})

test("questions after an answer are suggestions", async () => {
  await using chat = scene(function* () {
    yield up.outputMsg("Done.")
    yield up.guideQuestion(["And now?"], "input_2775b")
  })
  expect(of(await chat.say("go"), "suggestions")).toEqual([{ type: "suggestions", questions: ["And now?"] }])
})

test("a form becomes fields; all keys are in the answer, files as paths, and no other", async () => {
  const got: Record<string, unknown>[] = []
  await using chat = scene(function* () {
    got.push(
      yield up.form([
        up.textItem("name", "Your name"),
        up.textItem("note", "Note", { required: false, value: "none" }),
        up.selectItem("kind", "Kind", ["A", "B"]),
        up.selectItem("tags", "Tags", ["x", "y", "z"], { multiple: true, required: false }),
        up.fileItem(up.fileKey(), "Doc", { required: false, multiple: true }),
        up.textItem("城市", "City"),
      ]),
    )
    yield up.outputMsg("Thanks.")
  })
  const asked = await chat.say("I want to book")
  const fields = of(asked, "question")[0]?.fields ?? []
  expect(fields).toMatchObject([
    { type: "text", key: "name", label: "Your name", required: true },
    { type: "text", key: "note", required: false, default: "none" },
    { type: "select", key: "kind", options: [{ value: "A", label: "A" }, { value: "B" }] },
    { type: "select", key: "tags", multiple: true, required: false },
    { type: "file", label: "Doc", multiple: true, required: false },
    { type: "text", key: "field_6", label: "City" },
  ])
  const file = fields[4]?.key ?? ""
  const url = "https://files.example.org/a.pdf"
  const kept = { file_id: `fil_${"1".repeat(32)}`, name: "报告.txt" }
  const part = { type: "file" as const, ...kept, url: `/chat/file/${kept.file_id}`, mime_type: "text/plain" }
  const files = {
    bytes: async () => new TextEncoder().encode("kept here"),
    text: async () => null,
    save: () => Promise.reject(new Error("no")),
  }
  const answer = { name: "Ann", kind: "B", tags: ["x", "z"], [file]: [kept.file_id, url], field_6: "北京" }
  const run = await chat.answer(answer, [part], { files })
  expect(run.error).toBeUndefined()
  expect(textOf(run.events)).toBe("Thanks.")
  const { [file]: paths, ...others }: Record<string, unknown> = { ...got[0] }
  expect(others).toEqual({ name: "Ann", note: "", kind: "B", tags: "x,z", 城市: "北京" })
  expect(paths).toEqual([expect.stringMatching(/报告\.txt$/), url])
  expect(chat.fake.workflows.uploaded(String((paths as string[])[0]))).toBe("kept here")
})

test("files of a message go with its text into a dialog", async () => {
  const got: Record<string, unknown>[] = []
  await using chat = scene(function* () {
    got.push(yield up.dialog())
    yield up.outputMsg("Read.")
  })
  const foreign = {
    type: "file" as const,
    name: "a.pdf",
    url: "https://files.example.org/a.pdf",
    mime_type: "application/pdf",
  }
  const run = await chat.say("read this", [foreign])
  expect(run.error).toBeUndefined()
  expect(got).toEqual([{ user_input: "read this", dialog_files_content: [foreign.url] }])
})

test("a file that is larger than the flow allows is refused, and the question stays open", async () => {
  await using chat = scene(
    function* () {
      yield up.form([up.fileItem("file_1", "Doc")])
    },
    { max_file_bytes: 4 },
  )
  await chat.say("go")
  const files = {
    bytes: async () => new Uint8Array(5),
    text: async () => null,
    save: () => Promise.reject(new Error("no")),
  }
  const { error } = await chat.answer({ file_1: [`fil_${"1".repeat(32)}`] }, [], { files })
  expect(error).toMatchObject({ code: "file_too_large", params: { limit: 4 } })
  expect(chat.checkpoint).toMatchObject({ state: "waiting" })
})

test("text with a field: the default is given, the answer goes on", async () => {
  await using chat = scene(function* () {
    const { output_result } = yield up.outputWithInput("Check this", "a draft")
    yield up.outputMsg(`Sent: ${output_result}`)
  })
  const asked = await chat.say("write")
  expect(textOf(asked.events)).toBe("Check this")
  expect(of(asked, "question")[0]?.fields).toMatchObject([{ type: "text", key: "output_result", default: "a draft" }])
  expect(textOf((await chat.answer({ output_result: "better" })).events)).toBe("Sent: better")
})

test("a form's file may have to be an image, and one alone; where there is nothing to choose from, one writes", async () => {
  await using chat = scene(function* () {
    yield up.form([
      up.fileItem("file_1", "Photo", { file_type: "image" }),
      up.fileItem("file_2", "Paper", { file_type: "file" }),
      up.selectItem("kind", "Kind", [], { value: "as before" }),
    ])
  })
  const fields = of(await chat.say("go"), "question")[0]?.fields ?? []
  expect(fields).toEqual([
    expect.objectContaining({ type: "file", key: "file_1", accept: ["image/*"] }),
    expect.not.objectContaining({ accept: expect.anything() }),
    expect.objectContaining({ type: "text", key: "kind", default: "as before" }),
  ])
  expect(fields.some((field) => field.type === "file" && field.multiple)).toBe(false)
})

test("text with a choice: options are what they are, by id, and may be typed as well", async () => {
  const script: up.Script = function* () {
    const { output_result } = yield up.outputWithChoose("Go on?", [
      { id: "b1", label: "yes" },
      { id: "b2", label: "no", type: "x" },
    ])
    yield up.outputMsg(`Chosen: ${output_result}`)
  }
  for (const answer of [{ output_result: "b2" }, "no"]) {
    await using chat = scene(script)
    const asked = await chat.say("do it")
    const options = [
      { value: "b1", label: "yes" },
      { value: "b2", label: "no" },
    ]
    expect(textOf(asked.events)).toBe("Go on?")
    expect(of(asked, "question")[0]?.fields).toMatchObject([{ type: "select", options }])
    expect(textOf((await chat.answer(answer)).events)).toBe("Chosen: b2")
  }
})

test("an answer that is none to this question asks it again, and nothing reaches the workflow", async () => {
  await using chat = scene(function* () {
    yield up.form([up.textItem("name", "Name"), up.textItem("city", "City")])
  })
  const asked = await chat.say("hi")
  const before = chat.fake.requests.length
  const again = await chat.say("what do you mean?")
  expect(again.error).toBeUndefined()
  expect(of(again, "question")).toEqual(of(asked, "question"))
  expect(chat.fake.requests.length).toBe(before)
})

test("a streamed text whose pieces lost characters is rewritten to the full text of its end", async () => {
  const full = "The quick brown 狐狸 👩‍👩‍👧‍👦 jumps over the lazy dog."
  await using chat = scene(function* () {
    yield up.outputMsg("Before.")
    yield up.delta("The quick ")
    yield up.delta("狐狸 👩‍👩")
    yield up.delta("‍👧‍👦 jumps")
    yield up.streamEnd(full)
    yield up.outputMsg("After.")
  })
  for (const size of [1, 2, 3, 7, 64, 100_000]) {
    chat.fake.workflows.chunk = size
    chat.checkpoint = null
    const run = await chat.say("go")
    expect(textOf(run.events)).toBe(`Before.\n\n${full}\n\nAfter.`)
    expect(of(run, "rewrite").length).toBe(1)
  }
})

test("pieces that were complete need no rewriting, and pairs that were cut in two come whole", async () => {
  await using chat = scene(function* () {
    yield up.delta("Hi \ud83d")
    yield up.delta("\udc4b there")
    yield up.streamEnd("Hi 👋 there")
  })
  const run = await chat.say("go")
  expect(textOf(run.events)).toBe("Hi 👋 there")
  expect(of(run, "rewrite")).toEqual([])
  for (const { text } of of(run, "text")) expect(text.isWellFormed()).toBe(true)
})

test("several nodes and output keys that stream at once are paragraphs, each whole, in the order in which they began", async () => {
  const a = { node: "llm_a", run: "1", key: "x" }
  const b = { node: "llm_a", run: "1", key: "y" }
  const c = { node: "llm_c", run: "2", key: "x" }
  await using chat = scene(function* () {
    yield up.delta("A1 ", a)
    yield up.delta("B1 ", b)
    yield up.delta("C1", c)
    yield up.delta("A2", a)
    yield up.streamEnd("B1 B2 B3", b)
    yield up.outputMsg("D")
    yield up.streamEnd("A1 A2 A3", a)
    yield up.streamEnd("C1!", c)
  })
  const run = await chat.say("go")
  expect(textOf(run.events)).toBe("A1 A2 A3\n\nB1 B2 B3\n\nC1!\n\nD")
  const steps = of(run, "step").map(({ step }) => [step.step_id, step.state])
  expect(steps.filter(([, state]) => state === "completed").map(([id]) => id)).toEqual(["1", "1", "2"])
})

test("thinking is streamed once, though the end repeats it", async () => {
  await using chat = scene(function* () {
    yield up.delta("", { reasoning: "Let me " })
    yield up.delta("", { reasoning: "see." })
    yield up.delta("Yes.")
    yield up.streamEnd("Yes.", { reasoning: "Let me see." })
  })
  const run = await chat.say("go")
  expect(
    of(run, "reasoning")
      .map(({ text }) => text)
      .join(""),
  ).toBe("Let me see.")
  expect(textOf(run.events)).toBe("Yes.")
})

test("files of an output are shown, by addresses that can be opened", async () => {
  const files = [
    { path: "https://minio.example.org/b/报告.docx?sig=1", name: "报告.docx" },
    { path: "/bisheng/c.png" },
    { path: "javascript:alert(1)", name: "x" },
  ]
  await using chat = scene(function* () {
    yield up.outputMsg("Here:", files)
  })
  const run = await chat.say("go")
  expect(of(run, "file").map(({ file }) => file)).toMatchObject([
    { name: "报告.docx", url: new URL(files[0]?.path ?? "").href },
    { name: "c.png", url: `${chat.fake.url}/bisheng/c.png`, mime_type: "image/png" },
  ])
  for (const event of run.events) HandlerEvent.parse(event)
})

test("a finished session begins again with the next message, under the same id, without words to begin with", async () => {
  await using chat = scene(function* ({ restarts }) {
    yield up.guideWord("Welcome")
    const { user_input } = yield up.dialog()
    yield up.outputMsg(`${restarts}: ${user_input}`)
    yield up.close()
  })
  const first = await chat.say("one")
  const second = await chat.say("two")
  expect([first, second].map(({ events }) => textOf(events))).toEqual(["0: one", "1: two"])
  expect(of(second, "guide")).toEqual([])
  expect(chat.fake.workflows.runs.length).toBe(1)
})

test("overrides go with what begins a run, and with no answer", async () => {
  const override = { llm_1: { temperature: 0 } }
  await using chat = scene(
    function* () {
      yield up.dialog()
    },
    { override },
  )
  await chat.say("go")
  expect(chat.fake.sent(invoke)).toMatchObject([{ override }, { input: {} }])
  expect(chat.fake.sent(invoke)[1]).not.toHaveProperty("override")
})
