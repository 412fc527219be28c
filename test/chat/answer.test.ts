// The bot's message in the making: what is streamed when, what is kept when, and what is in the end.
import { expect, test } from "bun:test"
import fc from "fast-check"
import { Answer, type AnswerDeps, type Kept } from "../../src/chat/answer.ts"
import type { Progress } from "../../src/protocol/server-frame.ts"
import { FakeClock } from "../support/clock.ts"

function scene(limit = 1_000_000, over: Partial<AnswerDeps> = {}) {
  const clock = new FakeClock()
  const published: Progress[] = []
  const kept: Kept[] = []
  const answer = new Answer({
    ...{ turn_id: "trn_1", message_id: "msg_1", generation: 1, clock, limit },
    publish: (progress) => void published.push(progress),
    keep: (one) => void kept.push(one),
    parts: { max_answer_parts: 1000, max_parts_length: 1_000_000 },
    ...over,
  })
  const say = (text: string) => answer.add({ type: "text", text })
  const think = (text: string) => answer.add({ type: "reasoning", text })
  /** The pieces of text or reasoning so far, and none of them again. */
  const pieces = () =>
    published.splice(0).map((progress) => {
      if (progress.kind !== "text" && progress.kind !== "reasoning") return progress.kind
      return `${progress.kind} ${progress.offset} ${progress.text}`
    })
  return { clock, answer, published, kept, say, think, pieces }
}

test("the first piece goes at once, those of the next 20 ms as one, and so on while the bot speaks", async () => {
  const { clock, say, pieces } = scene()
  say("a")
  expect(pieces()).toEqual(["text 0 a"])
  say("b")
  say("c")
  expect(pieces()).toEqual([])
  await clock.advance(19)
  expect(pieces()).toEqual([])
  await clock.advance(1)
  expect(pieces()).toEqual(["text 1 bc"])
  say("d")
  expect(pieces()).toEqual([])
  await clock.advance(20)
  expect(pieces()).toEqual(["text 3 d"])
})

test("after a pause the next piece goes at once again, and nothing ticks meanwhile", async () => {
  const { clock, say, pieces } = scene()
  say("a")
  await clock.advance(2000)
  pieces()
  expect(clock.waiting).toBe(0)
  say("b")
  expect(pieces()).toEqual(["text 1 b"])
})

test("[P6.1] text and reasoning have offsets each, in UTF-16 units; within a tick the reasoning goes first", async () => {
  const { clock, say, think, pieces } = scene()
  think("hm 😀")
  say("A")
  think("!")
  say("B")
  await clock.advance(20)
  expect(pieces()).toEqual(["reasoning 0 hm 😀", "reasoning 5 !", "text 0 AB"])
})

test("[P6.1] a piece never ends inside a surrogate pair: the first half waits for the second", async () => {
  const { clock, answer, say, pieces } = scene()
  say("a\ud83d")
  expect(pieces()).toEqual(["text 0 a"])
  await clock.advance(100)
  expect(pieces()).toEqual([])
  say("\ude00b")
  expect(pieces()).toEqual(["text 1 😀b"])
  say("\ud83d")
  answer.finish()
  expect(pieces()).toEqual(["text 4 \ufffd"])
  expect(answer.text).toBe("a😀b\ufffd")
})

test("[P6.1] a half that never gets its other one is replaced, and offsets still fit", async () => {
  const { clock, answer, say, pieces } = scene()
  say("\ud83d")
  say("x")
  say("\ude00")
  say("y")
  await clock.advance(20)
  answer.finish()
  expect(pieces().join()).toBe("text 0 \ufffdx\ufffdy")
  expect(answer.text.isWellFormed()).toBe(true)
})

test("U+0000, which no database keeps, is replaced", () => {
  const { answer, say, think, pieces } = scene()
  think("\0")
  say("a\0b")
  answer.finish()
  expect(pieces()).toEqual(["reasoning 0 \ufffd", "text 0 a\ufffdb"])
  expect(answer.text).toBe("a\ufffdb")
})

test("an empty piece is nothing: no frame, no timer", () => {
  const { clock, say, think, pieces } = scene()
  say("")
  think("")
  expect(pieces()).toEqual([])
  expect(clock.waiting).toBe(0)
})

test("[P6.2] a tool call or step goes at once, after the text that was said before it", () => {
  const { answer, say, published } = scene()
  say("a")
  say("b")
  answer.add({ type: "tool", tool: { tool_call_id: "1", name: "search", state: "running", input: { q: 1 } } })
  answer.add({ type: "step", step: { step_id: "s", name: "read", state: "running" } })
  const about = { turn_id: "trn_1", message_id: "msg_1" }
  expect(published).toEqual([
    { kind: "text", ...about, offset: 0, text: "a" },
    { kind: "text", ...about, offset: 1, text: "b" },
    {
      kind: "tool",
      ...about,
      tool: { type: "tool", tool_call_id: "1", name: "search", state: "running", input: { q: 1 } },
    },
    { kind: "step", ...about, step: { type: "step", step_id: "s", name: "read", state: "running" } },
  ])
})

test("[P6.2] parts are in the order in which they began, each with its last word; the reasoning is the first", () => {
  const { answer, think } = scene()
  const tool = (tool_call_id: string, state: "running" | "completed") =>
    answer.add({ type: "tool", tool: { tool_call_id, name: "n", state } })
  expect(answer.parts).toEqual([])
  tool("1", "running")
  // A step may have the id of a tool call.
  answer.add({ type: "step", step: { step_id: "1", name: "n", state: "running" } })
  tool("2", "running")
  tool("1", "completed")
  think("hm")
  think("\ud83d")
  expect(answer.parts).toEqual([
    { type: "reasoning", text: "hm\ufffd" },
    { type: "tool", tool_call_id: "1", name: "n", state: "completed" },
    { type: "step", step_id: "1", name: "n", state: "running" },
    { type: "tool", tool_call_id: "2", name: "n", state: "running" },
  ])
})

test("of usage the last word holds", () => {
  const { answer } = scene()
  expect(answer.usage).toBeNull()
  answer.add({ type: "usage", usage: { input_tokens: 1 } })
  answer.add({ type: "usage", usage: { total_tokens: 2 } })
  expect(answer.usage).toEqual({ total_tokens: 2 })
})

test("what is said is kept at least each second, with the reasoning", async () => {
  const { clock, say, think, kept } = scene()
  think("hm")
  for (let n = 0; n < 150; n++) {
    say(".")
    await clock.advance(20)
  }
  expect(kept.map(({ text }) => text.length)).toEqual([50, 100, 150])
  expect(kept[0]).toMatchObject({ reasoning: "hm", checkpoint: undefined })
})

test("what was said last is kept within a second also when the bot then falls silent", async () => {
  const { clock, say, kept } = scene()
  say("Let me look that up.")
  await clock.advance(999)
  expect(kept).toEqual([])
  await clock.advance(1)
  expect(kept).toMatchObject([{ text: "Let me look that up.", reasoning: "", checkpoint: undefined }])
  await clock.advance(60_000)
  expect(kept).toHaveLength(1)
  expect(clock.waiting).toBe(0)
})

test("4,096 characters are kept at once, counted from the last checkpoint, text and reasoning together", async () => {
  const { clock, say, think, kept } = scene()
  say("x".repeat(4095))
  expect(kept).toHaveLength(0)
  think("y")
  expect(kept).toHaveLength(1)
  say("x".repeat(4095))
  expect(kept).toHaveLength(1)
  say("x")
  expect(kept.map(({ text, reasoning }) => text.length + reasoning.length)).toEqual([4096, 8192])
  await clock.advance(5000)
  expect(kept).toHaveLength(2)
})

test("a handler's checkpoint is kept at once, with what was said until then", () => {
  const { answer, say, kept } = scene()
  // Nothing said about it: what an earlier turn left holds.
  expect(answer.checkpoint).toBeUndefined()
  say("a")
  answer.add({ type: "checkpoint", checkpoint: { step: 1 } })
  say("b")
  answer.add({ type: "checkpoint", checkpoint: null })
  const resume_from = (text: number) => ({ text, reasoning: 0, parts: [] })
  expect(kept).toEqual([
    { text: "a", reasoning: "", checkpoint: { step: 1 }, resume_from: resume_from(1) },
    { text: "ab", reasoning: "", checkpoint: null, resume_from: resume_from(2) },
  ])
  expect(answer.checkpoint).toBeNull()
})

test("an answer that runs away is cut off at its limit: the piece that would go beyond it ends the turn", () => {
  const { answer, say, think, pieces } = scene(10)
  think("hmm ")
  say("123456")
  const fault = (act: () => void) => {
    try {
      act()
      return null
    } catch (error) {
      return error
    }
  }
  expect(fault(() => say("7"))).toMatchObject({ code: "answer_too_long", params: { limit: 10 } })
  answer.finish()
  expect(pieces()).toEqual(["reasoning 0 hmm ", "text 0 123456"])
  expect(answer.text).toBe("123456")
})

test("finish sends what waits, and then nothing more happens", async () => {
  const { clock, answer, say, think, pieces, kept } = scene()
  say("a")
  say("b")
  think("c")
  answer.finish()
  expect(pieces()).toEqual(["text 0 a", "reasoning 0 c", "text 1 b"])
  expect(clock.waiting).toBe(0)
  await clock.advance(5000)
  expect([pieces(), kept]).toEqual([[], []])
  answer.finish()
  expect(pieces()).toEqual([])
})

test("[P6.1] whatever is said in whatever pieces, the pieces put together are the text, and none is cut", async () => {
  const unit = fc.constantFrom("a", "é", "中", "😀", "\ud83d", "\ude00", "\0", "\n", "word ")
  const act = fc.record({
    kind: fc.constantFrom("text", "reasoning"),
    text: fc.array(unit, { maxLength: 4 }),
    wait: fc.nat({ max: 25 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
      const { clock, answer, published } = scene()
      const said = { text: "", reasoning: "" }
      for (const { kind, text, wait } of acts) {
        const piece = text.join("")
        said[kind] += piece.replaceAll("\0", "\ufffd")
        answer.add({ type: kind, text: piece })
        if (wait > 20) await clock.advance(wait)
      }
      answer.finish()
      const got = { text: "", reasoning: "" }
      for (const progress of published) {
        if (progress.kind !== "text" && progress.kind !== "reasoning") continue
        expect(progress.offset).toBe(got[progress.kind].length)
        expect(progress.text).not.toBe("")
        expect(progress.text.isWellFormed()).toBe(true)
        got[progress.kind] += progress.text
      }
      expect(got).toEqual({ text: said.text.toWellFormed(), reasoning: said.reasoning.toWellFormed() })
      expect(answer.text).toBe(got.text)
    }),
    { numRuns: 200, seed: 1 },
  )
})

test("[P6.9] a later run takes back what the one before said beyond its checkpoint, and goes on after it", async () => {
  const tool = { type: "tool" as const, tool_call_id: "1", name: "n", state: "completed" as const }
  const draft = { text: "Once ", reasoning: "hm", parts: [tool] }
  const { answer, published, kept, say } = scene(100, { generation: 2, draft })
  const about = { turn_id: "trn_1", message_id: "msg_1", generation: 2 }
  expect(published.splice(0)).toEqual([
    { kind: "reasoning", ...about, offset: 0, text: "hm" },
    { kind: "tool", ...about, tool },
    { kind: "text", ...about, offset: 0, text: "Once " },
  ])
  expect(kept.splice(0)).toEqual([{ text: "Once ", reasoning: "hm", checkpoint: undefined, resume_from: undefined }])
  say("again")
  expect(published).toEqual([{ kind: "text", ...about, offset: 5, text: "again" }])
  answer.finish()
  expect(answer.text).toBe("Once again")
  expect(answer.parts).toEqual([{ type: "reasoning", text: "hm" }, tool])
})

test("[P6.9] a later run without anything to go on from says that there is nothing yet", () => {
  const { published } = scene(100, { generation: 3 })
  expect(published).toEqual([
    { kind: "text", turn_id: "trn_1", message_id: "msg_1", generation: 3, offset: 0, text: "" },
  ])
})
