// interrupt() as a question: what is asked, what counts as the answer, several at once, and branches that never meet.
import { expect, test } from "bun:test"
import { systemClock, timestamp } from "../../../src/clock.ts"
import { newId } from "../../../src/ids.ts"
import type { Question } from "../../../src/protocol/turn.ts"
import { FakeClock } from "../../support/clock.ts"
import { message } from "../context.ts"
import { graphScene } from "./scene.ts"

test("interrupt() asks with its prompt and fields; the answer is what it gives", async () => {
  await using scene = await graphScene("fork")
  const first = await scene.turn(null, { text: "go" })
  expect(first.error).toBeUndefined()
  expect(first.question).toMatchObject({ prompt: "Which color?", fields: [{ type: "text", key: "color" }] })
  expect(first.events.at(-1)).toBe(first.question)
})

test("several at once are asked one after the other; the graph goes on when all are answered, and no node runs in between", async () => {
  await using scene = await graphScene("fork")
  const first = await scene.turn(null)
  expect(scene.effects()).toEqual(["left asks", "middle begun", "right"])
  const second = await scene.turn(first.checkpoint, { answer: { color: "red" } })
  expect(second.question).toMatchObject({ prompt: "Which size?", fields: [] })
  expect(second.steps).toEqual([])
  expect(scene.effects()).toEqual(["left asks", "middle begun", "right"])
  const third = await scene.turn(second.checkpoint, { answer: "XL" })
  expect(third.question).toMatchObject({ prompt: "Whose name?" })
  expect(third.steps).toEqual([
    ...["left running", "middle running", "left completed", "middle completed"],
    ...[
      "within running",
      "before running",
      "before completed",
      "asking running",
      "asking completed",
      "within completed",
    ],
  ])
  const fourth = await scene.turn(third.checkpoint, { answer: "Ada" })
  expect(fourth.question).toMatchObject({ prompt: "Is it Ada?" })
  const last = await scene.turn(fourth.checkpoint, { answer: "yes" })
  expect(last.question).toBeUndefined()
  expect(last.text).toEndWith('Said: ["left {\\"color\\":\\"red\\"}","middle XL","right","named Ada yes"]')
  // Whoever asks runs again from its beginning; nobody else does.
  expect(scene.effects()).toEqual([
    ...["left asks", "middle begun", "right", "left asks", "left", "middle begun"],
    ...["within", "named"],
  ])
})

test("an answer without a key is an answer too, and so is one whose keys look like names of interrupts", async () => {
  for (const answer of [{}, { ["a".repeat(32)]: "x" }]) {
    await using scene = await graphScene("fork")
    const first = await scene.turn(null)
    const second = await scene.turn(first.checkpoint, { answer })
    const third = await scene.turn(second.checkpoint, { answer: "XL" })
    expect(third.error).toBeUndefined()
    expect(third.question?.prompt).toBe("Whose name?")
  }
})

test("what is no answer leaves the question open, with one sentence, in the person's language", async () => {
  await using scene = await graphScene("intake")
  const turn_id = newId("turn")
  const first = await scene.turn(null, { turn_id })
  const question = openQuestion(turn_id)
  for (const [language, words] of [
    ["en", "The form above still waits"],
    ["zh", "上面的表单仍在等待"],
  ] as const) {
    const other = await scene.turn(first.checkpoint, { text: "what is this?", over: { language, question } })
    expect(other.text).toStartWith(words)
    expect(other.events.map(({ type }) => type)).toEqual(["text"])
  }
  const second = await scene.turn(first.checkpoint, { answer: { topic: "wish" } })
  expect(second.question?.prompt).toBe("Tell us what you would like.")
})

test("an answer of another shape, which closed the question, is asked for again", async () => {
  await using scene = await graphScene("intake")
  const first = await scene.turn(null)
  const second = await scene.turn(first.checkpoint, { answer: "a problem" })
  expect(second.question).toEqual(first.question)
  expect((await scene.turn(second.checkpoint, { answer: { topic: "wish" } })).question?.prompt).toContain("would like")
})

test("/restart begins anew, also while a question is open", async () => {
  await using scene = await graphScene("intake")
  const first = await scene.turn(null)
  const second = await scene.turn(first.checkpoint, { answer: { topic: "wish" } })
  for (const said of ["/restart", "restart", "/Restart", " /restart please"]) {
    const command = message({ kind: "command", message: said })
    const anew = await scene.turn(second.checkpoint, { over: { message: command } })
    expect(anew.question).toEqual(first.question)
  }
})

test("a day of the intake is right where the person is, whichever day it is where the service runs", async () => {
  await using scene = await graphScene("intake")
  const prompt = async (topic: string, given: object, now: string) => {
    const over = { clock: new FakeClock(Date.parse(now)) }
    const first = await scene.turn(null, { over })
    const form = await scene.turn(first.checkpoint, { answer: { topic }, over })
    return (await scene.turn(form.checkpoint, { answer: { phone: "1", ...given }, over })).question?.prompt
  }
  const since = (day: string, now: string) => prompt("problem", { description: "d", since: day }, now)
  const on = (day: string, now: string) => prompt("visit", { day, people: 1 }, now)
  // In Shanghai the 2nd has begun; in San Francisco it is still the 1st.
  expect(await since("2026-05-02", "2026-05-01T18:00:00Z")).toStartWith("Is this right?")
  expect(await on("2026-05-01", "2026-05-02T05:00:00Z")).toStartWith("Is this right?")
  expect(await since("2026-05-03", "2026-05-01T18:00:00Z")).toContain("in the future")
  expect(await on("2026-04-30", "2026-05-02T05:00:00Z")).toContain("over already")
})

test("two branches from one question know nothing of each other, wherever they part", async () => {
  await using scene = await graphScene("fork")
  const color = await scene.turn(null)
  const size = await scene.turn(color.checkpoint, { answer: { color: "red" } })
  const name = await scene.turn(size.checkpoint, { answer: "XL" })
  const ada = await scene.turn(name.checkpoint, { answer: "Ada" })
  const end = await scene.turn(ada.checkpoint, { answer: "yes" })
  expect(end.text).toContain("named Ada yes")
  // In the middle of a node that asks twice, within a graph within the graph.
  const eve = await scene.turn(name.checkpoint, { answer: "Eve" })
  expect(eve.question?.prompt).toBe("Is it Eve?")
  const bob = await scene.turn(name.checkpoint, { answer: "Bob" })
  expect((await scene.turn(eve.checkpoint, { answer: "no" })).text).toContain("named Eve no")
  expect((await scene.turn(bob.checkpoint, { answer: "so" })).text).toContain("named Bob so")
  expect((await scene.turn(ada.checkpoint, { answer: "still" })).text).toContain("named Ada still")
  // Among nodes side by side.
  const blue = await scene.turn(color.checkpoint, { answer: { color: "blue" } })
  const small = await scene.turn(blue.checkpoint, { answer: "S" })
  const kim = await scene.turn(small.checkpoint, { answer: "Kim" })
  expect((await scene.turn(kim.checkpoint, { answer: "yes" })).text).toBe(
    'Said: ["left {\\"color\\":\\"blue\\"}","middle S","right","named Kim yes"]',
  )
})

test("a question that is closed, since its time is over or another branch asked, is asked again by the next message", async () => {
  await using scene = await graphScene("intake")
  const first = await scene.turn(null)
  for (const question of [null, openQuestion(newId("turn"))]) {
    const other = await scene.turn(first.checkpoint, { text: "hello?", over: { question } })
    expect(other.question).toEqual(first.question)
    const second = await scene.turn(other.checkpoint, { answer: { topic: "wish" } })
    expect(second.question?.prompt).toContain("would like")
  }
})

test("of a chat only what waits is kept: each question its last checkpoint, a run that is over nothing", async () => {
  await using scene = await graphScene("intake")
  let turn = await scene.turn(null)
  const one = await scene.rows("graph_checkpoints")
  for (const answer of [
    { topic: "problem" },
    ...Array.from({ length: 5 }, (_, place) => ({ description: `no contact ${place}` })),
    { description: "x", phone: "1" },
  ]) {
    turn = await scene.turn(turn.checkpoint, { answer })
    expect(turn.error).toBeUndefined()
  }
  expect(turn.question?.prompt).toStartWith("Is this right?")
  // Seven earlier questions, one each; and the last turn as it is.
  expect(await scene.rows("graph_checkpoints")).toBeLessThanOrEqual(7 + one + 2)
  const done = await scene.turn(turn.checkpoint, { answer: { agreed: { approved: true } } })
  expect(done.text).toContain("Thank you")
  const before = await scene.rows("graph_checkpoints")
  await scene.turn(done.checkpoint, { text: "again" })
  expect(await scene.rows("graph_checkpoints")).toBeLessThanOrEqual(before + 1)
})

function openQuestion(turn_id: string): Question {
  const create_time = timestamp(systemClock.now())
  return { input_id: newId("input"), turn_id, prompt: "What is it about?", fields: [], create_time, expires_at: null }
}
