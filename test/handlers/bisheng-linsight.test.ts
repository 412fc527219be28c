// Linsight's work as events of ours: told once, whatever the socket loses, repeats or brings too late.
import { expect, test } from "bun:test"
import type { Part } from "../../src/protocol/message.ts"
import type { LinsightScript } from "../support/fake-bisheng/linsight-run.ts"
import { envelope } from "../support/fake-bisheng/wire.ts"
import { of, textOf } from "./bisheng-scene.ts"
import { joined } from "./context.ts"
import { scene } from "./linsight-scene.ts"

const workbench = (name: string) => `/api/v1/linsight/workbench/${name}`

/** Two tasks, one within the other, with a thought and two calls, one of them of nobody's task. */
const work: LinsightScript = async (run) => {
  run.generate([
    { id: "t1", name: "Look around" },
    { id: "t2", name: "Look closer", parent: "t1" },
  ])
  run.start("t1")
  run.think("t1", "thinking:1", "Where to ")
  run.think("t1", "thinking:2", "begin?")
  run.step("t1", { call_id: "c1", name: "web_search", params: { q: "天气" } })
  run.step("t1", { call_id: "c1", name: "web_search", params: { q: "天气" }, status: "end", output: "sunny" })
  run.step(run.row.id, { call_id: "c2", name: "write_file", status: "end", output: "ok" })
  run.start("t2")
  run.end("t2", "close")
  run.end("t1", "found")
  run.finish(`Answer to: ${run.said}`, [{ file_name: "报告.md", file_url: "linsight/final/1.md" }])
}

test("a question is handed in, started and watched: title, tasks, calls, thoughts, the answer and its files", async () => {
  await using chat = scene(work, { model: "7", skills: ["docx"], personal_knowledge_enabled: true })
  const run = await chat.say("How is it? 👋")
  expect(run.error).toBeUndefined()
  expect(textOf(run.events)).toBe("Answer to: How is it? 👋")
  expect(joined(run.events, "reasoning")).toBe("Where to begin?")
  expect(of(run, "title")).toEqual([{ type: "title", title: "A title by Linsight" }])
  const steps = new Map(of(run, "step").map(({ step }) => [step.step_id, step]))
  expect(steps.get("t1")).toMatchObject({ name: "Look around", state: "completed", detail: { answer: "found" } })
  expect(steps.get("t2")).toMatchObject({ name: "Look closer", state: "completed", parent_id: "t1" })
  const tools = new Map(of(run, "tool").map(({ tool }) => [tool.tool_call_id, tool]))
  expect(tools.get("c1")).toEqual({
    ...{ tool_call_id: "c1", name: "web_search", state: "completed" },
    ...{ input: { q: "天气" }, output: "sunny", parent_id: "t1" },
  })
  expect(tools.get("c2")).not.toHaveProperty("parent_id")
  expect(of(run, "file").map(({ file }) => file)).toMatchObject([
    { name: "报告.md", url: "https://minio.example.org/share/linsight/final/1.md" },
  ])
  expect(chat.fake.sent(workbench("submit"))).toMatchObject([
    { question: "How is it? 👋", model: "7", skills: ["docx"], personal_knowledge_enabled: true, session_id: null },
  ])
  expect(chat.fake.sent(workbench("terminate-execute"))).toEqual([])
  await chat.fake.quiet()
})

test("a question ends the turn; the answer goes to its task, and only what is new is told", async () => {
  await using chat = scene(async (run) => {
    run.generate([{ id: "t1", name: "Book" }])
    run.start("t1")
    run.think("t1", "thinking:1", "Hm.")
    run.step("t1", { call_id: "c1", name: "search", status: "end" })
    const place = await run.ask("t1", "Where to?")
    run.step("t1", { call_id: "c2", name: "book", status: "end", output: place })
    run.end("t1", place)
    run.finish(`Booked for ${place}`)
  })
  const asked = await chat.say("book a trip")
  expect(of(asked, "question")).toEqual([{ type: "question", prompt: "Where to?" }])
  expect(asked.events.at(-1)?.type).toBe("question")
  const run = await chat.say("Rome", { parts: [{ type: "input", input_id: "inp_1", answer: "Rome" }] })
  expect(textOf(run.events)).toBe("Booked for Rome")
  expect(of(run, "tool").map(({ tool }) => tool.tool_call_id)).toEqual(["c2"])
  expect(of(run, "reasoning")).toEqual([])
  expect(chat.fake.sent(workbench("user-input"))).toMatchObject([
    { linsight_execute_task_id: "t1", input_content: "Rome", files: null },
  ])
})

test("an answer that Bisheng refuses leaves the work waiting, and may be given again", async () => {
  await using chat = scene(async (run) => {
    run.generate([{ id: "t1", name: "Book" }])
    run.finish(`Booked for ${await run.ask("t1", "Where to?")}`)
  })
  await chat.say("book")
  chat.fake.answerOnce(workbench("user-input"), () => envelope(429, "busy"))
  expect((await chat.say("Rome")).error).toMatchObject({ code: "engine_busy" })
  expect(textOf((await chat.say("Rome")).events)).toBe("Booked for Rome")
  expect(chat.fake.sent(workbench("terminate-execute"))).toEqual([])
})

test("a further message goes on in the same work; after one that was ended, in another of the same session", async () => {
  await using chat = scene(async (run) => run.finish(`${run.round}: ${run.said}`))
  expect(textOf((await chat.say("one")).events)).toBe("1: one")
  expect(textOf((await chat.say("two")).events)).toBe("2: two")
  expect(chat.fake.linsight.runs.length).toBe(1)
  chat.fake.linsight.publish(async (run) => run.terminate())
  expect((await chat.say("three")).error).toMatchObject({ code: "engine_lost" })
  chat.fake.linsight.publish(async (run) => run.finish(run.said))
  expect(textOf((await chat.say("four")).events)).toBe("four")
  const [first, second] = chat.fake.linsight.runs
  expect(second?.row.session_id).toBe(first?.row.session_id ?? "")
})

test("work that fails is engine_failed with the reason in the log, and can be gone on with", async () => {
  await using chat = scene(async (run) => (run.round === 1 ? run.fail("the model is gone") : run.finish(run.said)))
  expect((await chat.say("one")).error).toMatchObject({
    code: "engine_failed",
    cause: { message: expect.stringContaining("the model is gone") },
  })
  expect(textOf((await chat.say("again")).events)).toBe("again")
  expect(chat.fake.linsight.runs.length).toBe(1)
})

test("a socket that breaks, again and again, taking events with it, loses nothing and tells nothing twice", async () => {
  await using chat = scene(async (run) => {
    run.generate([{ id: "t1", name: "Count" }])
    for (let number = 1; number <= 4; number++) {
      run.think("t1", `thinking:${number}`, `${number} `)
      run.step("t1", { call_id: `c${number}`, name: "count", status: "end" })
      await chat.fake.when(() => chat.fake.linsight.readers === 1, "a reader")
      chat.fake.linsight.cut()
      await chat.fake.when(() => chat.fake.linsight.readers === 0, "no reader")
    }
    run.finish("Counted.")
  })
  chat.fake.linsight.stealing = true
  const run = await chat.say("count")
  expect(run.error).toBeUndefined()
  expect(joined(run.events, "reasoning")).toBe("1 2 3 4 ")
  expect(of(run, "tool").map(({ tool }) => tool.tool_call_id)).toEqual(["c1", "c2", "c3", "c4"])
  expect(textOf(run.events)).toBe("Counted.")
}, 20_000)

test("an end that was lost is found by looking when it is silent", async () => {
  const opened = Promise.withResolvers<void>()
  await using chat = scene(
    async (run) => {
      await opened.promise
      run.finish("Found.")
      run.events.length = 0
    },
    { check_every_s: 0.05 },
  )
  const turn = chat.say("go")
  await chat.fake.when(() => chat.fake.linsight.readers === 1, "a reader")
  opened.resolve()
  expect(textOf((await turn).events)).toBe("Found.")
})

test("the end of an earlier round that nobody had taken is no end of this one", async () => {
  await using chat = scene(async (run) => {
    if (run.round === 1) return run.finish("first")
    run.push("final_result", { ...run.row, output_result: { answer: "first", final_files: [] } })
    await chat.fake.when(() => chat.fake.linsight.readers === 1, "a reader")
    run.finish("second")
  })
  expect(textOf((await chat.say("one")).events)).toBe("first")
  expect(textOf((await chat.say("two")).events)).toBe("second")
}, 10_000)

test("in line, it says at which place", async () => {
  await using chat = scene(async (run) => run.finish("Done."), { check_every_s: 0.05 })
  chat.fake.linsight.hold()
  const run = await chat.say("go", { language: "zh" }, ({ type }) => {
    if (type === "step") chat.fake.linsight.release()
  })
  expect(of(run, "step").map(({ step }) => step)).toEqual([
    { step_id: "queue", name: "排队中", state: "running", detail: { place: 2 } },
    { step_id: "queue", name: "排队中", state: "completed" },
  ])
  expect(textOf(run.events)).toBe("Done.")
})

test("a stop ends the work at Bisheng; a hand-over to another instance does not", async () => {
  for (const reason of ["stopped", "drained"]) {
    await using chat = scene(async (run) => run.generate([{ id: "t1", name: "Long" }]))
    const controller = new AbortController()
    const run = await chat.say("go", { signal: controller.signal }, ({ type }) => {
      if (type === "step") controller.abort(reason)
    })
    expect(run.error).toBeUndefined()
    await chat.fake.when(() => chat.fake.linsight.readers === 0, "no reader")
    expect(chat.fake.sent(workbench("terminate-execute")).length).toBe(reason === "stopped" ? 1 : 0)
  }
})

test("another instance goes on where one died, and does again only what had not been done", async () => {
  const gates = { open: Promise.withResolvers<void>() }
  await using chat = scene(async (run) => {
    run.generate([{ id: "t1", name: "Work" }])
    run.start("t1")
    run.think("t1", "thinking:1", "Thought.")
    run.step("t1", { call_id: "c1", name: "search", status: "end" })
    await gates.open.promise
    run.end("t1", "done")
    run.finish(`Answer to ${run.said}`)
  })
  const controller = new AbortController()
  await chat.say("go", { signal: controller.signal }, ({ type }) => {
    if (type === "tool") controller.abort("drained")
  })
  const left = chat.checkpoint
  expect(left).toMatchObject({ state: "running" })
  gates.open.resolve()
  const run = await chat.say("go", { resuming: true, attempt: 2 })
  expect(run.error).toBeUndefined()
  expect(textOf(run.events)).toBe("Answer to go")
  expect([joined(run.events, "reasoning"), of(run, "tool").length]).toEqual(["Thought.", 1])
  for (const name of ["submit", "start-execute"]) expect(chat.fake.sent(workbench(name)).length).toBe(1)

  // Handed in, and not started: it is started now.
  chat.fake.linsight.publish(async (work) => work.finish(work.said))
  chat.checkpoint = null
  chat.fake.answerOnce(workbench("start-execute"), () => envelope(429, "busy"))
  expect((await chat.say("two")).error).toMatchObject({ code: "engine_busy" })
})

test("an answer or a further question that was on its way when an instance died is handed over once", async () => {
  await using chat = scene(async (run) => {
    if (run.round > 1) return run.finish(`${run.round}: ${run.said}`)
    run.generate([{ id: "t1", name: "Ask" }])
    run.finish(`1: ${await run.ask("t1", "Which?")}`)
  })
  await chat.say("go")
  const asked = chat.checkpoint as object
  for (const round of ["not handed over", "handed over"]) {
    chat.checkpoint = { ...asked, state: "answering" }
    expect(textOf((await chat.say("this", { resuming: true })).events)).toBe("1: this")
    expect(chat.fake.sent(workbench("user-input")).length, round).toBe(1)
  }
  const [work] = chat.fake.linsight.runs
  const going = { ...asked, state: "continuing", as_of: work?.row.update_time }
  for (const round of ["not handed over", "handed over"]) {
    chat.checkpoint = going
    expect(textOf((await chat.say("more", { resuming: true })).events)).toBe("2: more")
    expect(chat.fake.sent(workbench("continue")).length, round).toBe(1)
  }
})

test("files that are kept here are uploaded and read before the question is handed in; others go by their address", async () => {
  await using chat = scene(async (run) => run.finish(run.said))
  chat.fake.linsight.parsing = 1
  const file_id = `fil_${"1".repeat(32)}`
  const parts: Part[] = [
    { type: "file", file_id, name: "数据.csv", url: `/chat/file/${file_id}`, mime_type: "text/csv" },
    { type: "file", name: "b.pdf", url: "https://files.example.org/b.pdf", mime_type: "application/pdf" },
  ]
  const files = {
    bytes: async () => new TextEncoder().encode("a,b"),
    text: async () => null,
    save: () => Promise.reject(new Error("no")),
  }
  const run = await chat.say("sum it up", { parts, files })
  expect(run.error).toBeUndefined()
  expect(textOf(run.events)).toContain("https://files.example.org/b.pdf")
  expect([...chat.fake.linsight.files.values()]).toEqual(["a,b"])
  expect(chat.fake.sent(workbench("submit"))).toMatchObject([
    { files: [{ file_name: "数据.csv", parsing_status: "completed" }] },
  ])
})

test("a wrong cookie is engine_unauthorized, a refused question has its code, and neither shows the cookie", async () => {
  const cookie_token = "eyJ0.wrong-token.signature"
  await using chat = scene(async (run) => run.finish("no"), { cookie_token })
  const { error } = await chat.say("go")
  expect(error).toMatchObject({ code: "engine_unauthorized" })
  expect(Bun.inspect(error)).not.toContain(cookie_token)
  await using used = scene(async (run) => run.finish("no"))
  const body = 'event: error\ndata: {"status_code": 11030, "status_message": "used up", "data": {}}\n\n'
  used.fake.answerOnce(
    workbench("submit"),
    () => new Response(body, { headers: { "content-type": "text/event-stream" } }),
  )
  expect((await used.say("go")).error).toMatchObject({
    code: "engine_failed",
    cause: { message: expect.stringContaining("11030 used up") },
  })
})
