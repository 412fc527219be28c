// Each event of Linsight's socket by itself: what it tells is told at once, by the one socket that is open, and not because
// somebody looked.
import { expect, test } from "bun:test"
import type { HandlerEvent } from "../../src/handlers/handler.ts"
import type { LinsightRun } from "../support/fake-bisheng/linsight-run.ts"
import { of, textOf } from "./bisheng-scene.ts"
import { joined, type Run } from "./context.ts"
import { scene } from "./linsight-scene.ts"

/** Work that goes on as soon as its first task was told of, when nobody looks any more; and a turn with it. */
function begun(goOn: (run: LinsightRun) => void | Promise<void>) {
  const told = Promise.withResolvers<void>()
  const chat = scene(async (run) => {
    run.generate([{ id: "t1", name: "Book" }])
    await told.promise
    await goOn(run)
  })
  chat.fake.linsight.late = true
  const each = ({ type }: HandlerEvent) => {
    if (type === "step") told.resolve()
  }
  return { chat, say: () => chat.say("go", {}, each) }
}

test("each event about a task, a call and a thought is told, though REST does not know of it yet", async () => {
  const over = Promise.withResolvers<void>()
  await using chat = scene(async (run) => {
    run.generate([
      { id: "t1", name: "Book" },
      { id: "t2", name: "Pay", parent: "t1" },
    ])
    run.start("t1")
    run.think("t1", "thinking:1", "Hm.")
    run.step("t1", { call_id: "c1", name: "search", params: { q: "天气" } })
    run.step("t1", { call_id: "c1", name: "search", params: { q: "天气" }, status: "end", output: "sunny" })
    run.update("t1", "waiting_for_user_input")
    run.push("user_input_completed", { id: "t1", status: "user_input_completed" })
    run.end("t2", "no money", "failed")
    // Again, too late, and of the work as a whole: nothing to tell.
    run.end("t2", "no money", "failed")
    run.push("task_start", { id: "t2", status: "in_progress" })
    run.push("task_start", { id: run.row.id, status: "in_progress" })
    run.end("t1", "booked")
    await over.promise
    run.finish("Done.")
  })
  chat.fake.linsight.late = true
  const run = await chat.say("go", {}, (event) => {
    if (event.type === "step" && event.step.step_id === "t1" && event.step.state === "completed") over.resolve()
  })
  expect([run.error, textOf(run.events), joined(run.events, "reasoning")]).toEqual([undefined, "Done.", "Hm."])
  const steps = of(run, "step").map(({ step: { step_id, name, state, detail, parent_id } }) => [
    ...[step_id, name, state, Object(detail).status, parent_id],
  ])
  expect(steps).toEqual([
    ["t1", "Book", "running", "not_started", undefined],
    ["t2", "Pay", "running", "not_started", "t1"],
    ["t1", "Book", "running", "in_progress", undefined],
    ["t1", "Book", "running", "waiting_for_user_input", undefined],
    ["t1", "Book", "running", "user_input_completed", undefined],
    ["t2", "Pay", "failed", "failed", "t1"],
    ["t1", "Book", "completed", "success", undefined],
  ])
  expect(of(run, "tool").map(({ tool: { state, output } }) => [state, output])).toEqual([
    ["running", undefined],
    ["completed", "sunny"],
  ])
  expect(chat.fake.linsight.opened).toBe(1)
})

test("what it wants to know is asked when the socket says so, whether REST has the task or not", async () => {
  for (const late of [false, true]) {
    const { chat, say } = begun((run) => {
      chat.fake.linsight.late = late
      void run.ask("t1", "Where to?")
    })
    await using _ = chat
    const run = await say()
    expect([run.error, of(run, "question")]).toEqual([undefined, [{ type: "question", prompt: "Where to?" }]])
    expect(chat.fake.linsight.opened).toBe(1)
  }
})

test("its failure comes with the reason that the socket alone tells; work that was ended there is lost", async () => {
  const failing = begun((run) => run.fail("no more money"))
  await using _ = failing.chat
  expect((await failing.say()).error).toMatchObject({
    code: "engine_failed",
    cause: { message: expect.stringContaining("no more money") },
  })
  const ended = begun((run) => run.terminate())
  await using __ = ended.chat
  expect((await ended.say()).error).toMatchObject({ code: "engine_lost" })
  expect([failing.chat.fake.linsight.opened, ended.chat.fake.linsight.opened]).toEqual([1, 1])
})

test("after an answer nothing is told of tasks that were over before, nor is what was asked a call of a tool", async () => {
  await using chat = scene(async (run) => {
    run.generate([
      { id: "t1", name: "Look" },
      { id: "t2", name: "Book" },
    ])
    run.end("t1", "found")
    run.end("t2", await run.ask("t2", "Where to?"))
    run.finish("Booked.")
  })
  const stepsOf = (run: Run) => of(run, "step").map(({ step: { step_id, state } }) => `${step_id} ${state}`)
  const asked = await chat.say("go")
  expect(stepsOf(asked)).toContain("t1 completed")
  const run = await chat.say("Rome", { parts: [{ type: "input", input_id: "inp_1", answer: "Rome" }] })
  expect(textOf(run.events)).toBe("Booked.")
  expect(stepsOf(run).filter((step) => step !== "t2 running")).toEqual(["t2 completed"])
  expect([...of(asked, "tool"), ...of(run, "tool")]).toEqual([])
})
