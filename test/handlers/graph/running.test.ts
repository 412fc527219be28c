// A graph at work: what its nodes say, how it is stopped, fails, is tried again, and goes on after its instance died.
import { expect, test } from "bun:test"
import { ChatError } from "../../../src/errors.ts"
import type { HandlerEvent } from "../../../src/handlers/handler.ts"
import { newId } from "../../../src/ids.ts"
import { FakeClock } from "../../support/clock.ts"
import { exchange } from "../context.ts"
import { graphScene, type Scene } from "./scene.ts"

const citation = { citation_id: "1", title: "A book" }

test("nodes are steps, and what they write comes in order: words, and every kind of event", async () => {
  const say = [
    ...["Look: ", { type: "reasoning", text: "hm" }, { type: "citation", citation }],
    ...[{ type: "tool", tool: { tool_call_id: "1", name: "search", state: "completed" } }],
    ...[
      { type: "step", step: { step_id: "s", name: "read", state: "running" } },
      { type: "title", title: "Books" },
    ],
    ...[{ type: "suggestions", questions: ["More?"] }, { type: "guide", guide: { words: "Hello" } }, "done"],
  ]
  await using scene = await graphScene("talk", { say })
  const { events, error } = await scene.turn(null)
  expect(error).toBeUndefined()
  const said = events.filter(({ type }) => type !== "checkpoint")
  const expected = say.map((event) => (typeof event === "string" ? { type: "text", text: event } : event))
  expect(said.slice(1, -1)).toMatchObject(expected)
  expect([said[0], said.at(-1)]).toMatchObject([
    { type: "step", step: { name: "talk", state: "running" } },
    { type: "step", step: { name: "talk", state: "completed" } },
  ])
})

test("what is no event fails the turn, and so do a question and a checkpoint, which are not for nodes to write", async () => {
  for (const event of [
    { type: "dance" },
    { type: "text" },
    5,
    null,
    { type: "question", prompt: "?" },
    { type: "checkpoint", checkpoint: 1 },
  ]) {
    await using scene = await graphScene("talk", { say: [event] })
    const { error, steps } = await scene.turn(null)
    expect(error).toBeInstanceOf(ChatError)
    expect(error).toMatchObject({
      code: "handler_failed",
      cause: { message: expect.stringContaining("config.writer") },
    })
    expect(steps).toEqual(["talk running", "talk failed"])
  }
})

test("a model's words are streamed as text, in order with the node's own, save of those tagged nostream", async () => {
  await using scene = await graphScene("talk", { model: "from the model" })
  const { events, text, error } = await scene.turn(null)
  expect(error).toBeUndefined()
  expect(text).toBe("from the model (said the model)")
  expect(events.filter(({ type }) => type === "text").length).toBeGreaterThan(5)
})

test("without input and output of its own a graph gets the conversation, and the last of its messages is the answer", async () => {
  await using scene = await graphScene("talk", { whole: true })
  const history = [exchange({ message: "before" }, { message: "yes" })]
  expect((await scene.turn(null, { text: "Hello", over: { history } })).text).toBe("You said: Hello")
  const { rows } = await scene.db.client.execute(
    "select cast(value as text) as value from graph_writes where task_id = 'messages'",
  )
  for (const word of ["before", "yes", "Hello"])
    expect(rows.some(({ value }) => String(value).includes(word))).toBe(true)
})

test("with output, that is said at the end; the run is over, and the next message begins anew", async () => {
  await using scene = await graphScene("line")
  const first = await scene.turn(null)
  expect(first.text).toBe("one: one is done. two: two is done. three: three is done. All: one,two,three.")
  expect((await scene.turn(first.checkpoint)).text).toBe(first.text)
})

test("a node that says more at once than anybody takes is a flood", async () => {
  await using scene = await graphScene("talk", { say: Array.from({ length: 10_001 }, () => "x") })
  expect(ChatError.within((await scene.turn(null)).error)).toMatchObject({ code: "handler_flooded" })
})

test("a graph that goes round and round ends as too_many_steps", async () => {
  await using scene = await graphScene("talk", { rounds: 1000 }, { recursion_limit: 7 })
  const { error } = await scene.turn(null)
  expect(error).toMatchObject({ code: "too_many_steps", params: { limit: 7 } })
})

test("a state that grows beyond the limit ends as checkpoint_too_large", async () => {
  await using scene = await graphScene("talk", { whole: true }, { max_checkpoint_bytes: 20_000 })
  expect((await scene.turn(null, { text: "x".repeat(100) })).error).toBeUndefined()
  const { error } = await scene.turn(null, { text: "x".repeat(15_000) })
  expect(ChatError.within(error)).toMatchObject({ code: "checkpoint_too_large", params: { limit: 20_000 } })
})

test("a node that throws fails the turn and its step; the next message tries again from there, and what was done is not done again", async () => {
  await using scene = await graphScene("line", { fails: "two" })
  const first = await scene.turn(null)
  expect(first.error).toMatchObject({ message: "a secret of the node" })
  expect(first.steps).toEqual(["one running", "one completed", "two running", "two failed"])
  const second = await scene.turn(first.checkpoint, { text: "try again" })
  expect(second.error).toBeUndefined()
  expect(second.text).toStartWith("The workflow failed before. It goes on from its last finished step")
  expect(second.text).toEndWith("two: two is done. three: three is done. All: one,two,three.")
  expect(scene.effects()).toEqual(["one begun", "one", "two begun", "two begun", "two", "three begun", "three"])
})

test("a ChatError of a node is the turn's error", async () => {
  await using scene = await graphScene("line", { fails: "one", code: "engine_busy" })
  expect(ChatError.within((await scene.turn(null)).error)).toMatchObject({ code: "engine_busy" })
})

test("what was answered before a failure is not asked again", async () => {
  await using scene = await graphScene("fork", { fails: "middle" })
  const first = await scene.turn(null)
  const second = await scene.turn(first.checkpoint, { answer: { color: "red" } })
  const failed = await scene.turn(second.checkpoint, { answer: "XL" })
  expect(failed.error).toMatchObject({ message: "middle fails" })
  const again = await scene.turn(failed.checkpoint, { text: "again" })
  expect(again.error).toBeUndefined()
  expect(again.question?.prompt).toBe("Whose name?")
  const named = await scene.turn(again.checkpoint, { answer: "Ada" })
  const last = await scene.turn(named.checkpoint, { answer: "yes" })
  expect(last.text).toBe('Said: ["left {\\"color\\":\\"red\\"}","middle XL","right","named Ada yes"]')
})

const doneBy = (name: string) => (event: HandlerEvent) =>
  event.type === "step" && event.step.name === name && event.step.state === "completed"

/** Stops a turn at some event. */
async function stopAt(
  scene: Scene,
  turn_id: string,
  wanted: (event: HandlerEvent) => boolean,
  checkpoint: unknown = null,
  answer?: unknown,
) {
  const stopping = new AbortController()
  const started = performance.now()
  let stopped = 0
  const turn = await scene.turn(checkpoint, {
    turn_id,
    ...(answer === undefined ? {} : { answer }),
    over: { signal: stopping.signal },
    each(event) {
      if (!wanted(event)) return
      stopped = performance.now()
      stopping.abort("stopped")
    },
  })
  expect(stopped).toBeGreaterThan(started)
  return { ...turn, took: performance.now() - stopped }
}

const says = (text: string) => (event: HandlerEvent) => event.type === "text" && event.text === text

test("stopped, it ends within 200 ms without an error, and the next message begins anew", async () => {
  await using scene = await graphScene("line", { hangs: "two" })
  const stopped = await stopAt(scene, newId("turn"), says("two: "))
  expect(stopped.error).toBeUndefined()
  expect(stopped.took).toBeLessThan(200)
  expect(stopped.events.at(-1)).toMatchObject({ type: "text", text: "two: " })
  expect((await scene.turn(stopped.checkpoint, { text: "hello" })).text).toStartWith("one: one is done.")
})

test("run again in the middle, it goes on: finished nodes do not run again, and what they said is said as it was", async () => {
  for (const known of ["all", "the first checkpoint", "nothing"] as const) {
    await using scene = await graphScene("line", { hangs: "three" })
    const turn_id = newId("turn")
    const died = await stopAt(scene, turn_id, says("three: "))
    // What the service knows of the handler's checkpoints may be older than what the graph has kept.
    const kept = died.events.filter(({ type }) => type === "checkpoint")
    const last = known === "all" ? kept.at(-1) : kept[0]
    if (last?.type !== "checkpoint") throw new Error("there is no checkpoint")
    const over = known === "nothing" ? { attempt: 2 } : { attempt: 2, resuming: true }
    const again = await scene.turn(known === "nothing" ? null : last.checkpoint, { turn_id, over })
    expect(again.error).toBeUndefined()
    const stands = known === "nothing" ? [] : died.events.slice(0, died.events.indexOf(last))
    const text = stands.map((event) => (event.type === "text" ? event.text : "")).join("") + again.text
    expect(text).toBe("one: one is done. two: two is done. three: three is done. All: one,two,three.")
    expect(scene.effects().filter((effect) => !effect.includes("begun"))).toEqual(["one", "two", "three"])
  }
})

test("run again after an answer, it takes the answer in once, and what finished beside the node that died is not done again", async () => {
  await using scene = await graphScene("fork", { hangs: "middle", after: "an answer" })
  const turn_id = newId("turn")
  const died = await stopAt(scene, turn_id, doneBy("right"))
  expect(died.text).toBe("right speaks. ")
  const again = await scene.turn(null, { turn_id, over: { attempt: 2 } })
  expect(again.error).toBeUndefined()
  expect(again.text).toBe("right speaks. ")
  expect(scene.effects().filter((effect) => effect === "right")).toEqual(["right"])
  const second = await scene.turn(again.checkpoint, { answer: { color: "red" } })
  const answered = newId("turn")
  const stopped = await stopAt(scene, answered, says("within. "), second.checkpoint, "XL")
  const third = await scene.turn(stopped.checkpoint, {
    turn_id: answered,
    answer: "XL",
    over: { attempt: 2, resuming: true },
  })
  expect(third.question?.prompt).toBe("Whose name?")
  const twice = await scene.turn(second.checkpoint, { turn_id: newId("turn"), answer: "XL", over: { attempt: 2 } })
  expect(twice.question?.prompt).toBe("Whose name?")
  const asked = await scene.turn(third.checkpoint, { turn_id: answered, over: { attempt: 2, resuming: true } })
  expect(asked.events.map(({ type }) => type)).toEqual(["checkpoint", "question"])
})

test("while the database is away the graph stands still; when it is back it goes on", async () => {
  await using scene = await graphScene("line")
  const clock = new FakeClock()
  let away = 0
  const graphs = {
    ...scene.graphs,
    async put(...given: Parameters<Scene["graphs"]["put"]>) {
      if (away < 3) {
        away += 1
        throw new ChatError("store_unavailable")
      }
      return scene.graphs.put(...given)
    },
  }
  const done = scene.turn(null, { over: { graphs, clock } })
  let over = false
  void done.finally(() => {
    over = true
  })
  while (!over) await clock.advance(500)
  expect((await done).text).toContain("All: one,two,three.")
  expect(away).toBe(3)
})
