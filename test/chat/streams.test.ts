// What was streamed of answers that are being given, for those who come late.
import { expect, test } from "bun:test"
import fc from "fast-check"
import { Streams } from "../../src/chat/streams.ts"
import type { Progress } from "../../src/protocol/server-frame.ts"

const about = { turn_id: "trn_1", message_id: "msg_1" }
const text = (offset: number, piece: string, kind: "text" | "reasoning" = "text"): Progress => ({
  kind,
  ...about,
  offset,
  text: piece,
})

function streamsOf(...progress: Progress[]): Streams {
  const streams = new Streams()
  for (const one of progress) streams.add(one, "trace-1")
  return streams
}

const dataOf = (streams: Streams, offsets?: Record<string, number>): Progress[] =>
  streams.catchUp("c1", offsets).flatMap((frame) => (frame.type === "progress" ? [frame.data] : []))

test("[P5.6] one who comes late gets the whole text so far, on the trace and chat of the answer", () => {
  const streams = streamsOf(text(0, "Hel"), text(3, "lo"))
  expect(streams.catchUp("c1")).toEqual([
    { type: "progress", data: text(0, "Hello"), trace_id: "trace-1", chat_id: "c1" },
  ])
})

test("[P5.6] one who has the beginning gets the text from there", () => {
  const streams = streamsOf(text(0, "Hello"))
  expect(dataOf(streams, { msg_1: 2 })).toEqual([text(2, "llo")])
  expect(dataOf(streams, { msg_other: 2 })).toEqual([text(0, "Hello")])
})

test("[P5.6] one who has it all, or claims to have more, gets nothing of it", () => {
  const streams = streamsOf(text(0, "Hello"))
  expect(dataOf(streams, { msg_1: 5 })).toEqual([])
  expect(dataOf(streams, { msg_1: 99 })).toEqual([])
})

test("[P5.6] the thinking, tools and steps come before the text, each with its last word", () => {
  const tool = (tool_call_id: string, state: "running" | "completed"): Progress => ({
    kind: "tool",
    ...about,
    tool: { type: "tool", tool_call_id, name: "n", state },
  })
  const step: Progress = { kind: "step", ...about, step: { type: "step", step_id: "1", name: "n", state: "running" } }
  const streams = streamsOf(
    text(0, "a"),
    tool("1", "running"),
    step,
    text(0, "hm", "reasoning"),
    tool("2", "running"),
    tool("1", "completed"),
  )
  expect(dataOf(streams)).toEqual([
    text(0, "hm", "reasoning"),
    tool("1", "completed"),
    step,
    tool("2", "running"),
    text(0, "a"),
  ])
  expect(dataOf(streams, { msg_1: 1 })).toEqual([
    text(0, "hm", "reasoning"),
    tool("1", "completed"),
    step,
    tool("2", "running"),
  ])
})

test("[P6.1] an overlap is dropped, and what would leave a hole is left for the result", () => {
  expect(dataOf(streamsOf(text(0, "Hello"), text(3, "lo there")))).toEqual([text(0, "Hello there")])
  expect(dataOf(streamsOf(text(0, "Hello"), text(0, "He")))).toEqual([text(0, "Hello")])
  expect(dataOf(streamsOf(text(0, "Hello"), text(9, "there")))).toEqual([text(0, "Hello")])
  expect(dataOf(streamsOf(text(5, "there")))).toEqual([])
})

test("several answers are told apart, and each is forgotten with its end", () => {
  const streams = streamsOf(text(0, "one"))
  const other: Progress = { kind: "text", turn_id: "trn_2", message_id: "msg_2", offset: 0, text: "two" }
  streams.add(other, "trace-2")
  expect(dataOf(streams)).toEqual([text(0, "one"), other])
  streams.end("msg_1")
  expect(dataOf(streams)).toEqual([other])
  streams.endTurn("trn_1")
  expect(dataOf(streams)).toEqual([other])
  streams.endTurn("trn_2")
  expect(dataOf(streams)).toEqual([])
  streams.end("msg_2")
})

test("[P4.2] a piece that comes after the end of its answer, or of its turn, is dropped", () => {
  const streams = streamsOf(text(0, "one"))
  streams.end("msg_1")
  streams.add(text(3, "late"), "trace-1")
  streams.add(text(0, "one"), "trace-1")
  expect(dataOf(streams)).toEqual([])
  // A turn that ended without a result.
  streams.endTurn("trn_2")
  streams.add({ kind: "text", turn_id: "trn_2", message_id: "msg_2", offset: 0, text: "late" }, "trace-2")
  expect(dataOf(streams)).toEqual([])
})

test("what is remembered of ended answers does not grow without end", () => {
  const streams = new Streams()
  for (let number = 0; number < 1000; number++) streams.end(`msg_${number}`)
  streams.add({ kind: "text", turn_id: "trn_1", message_id: "msg_5", offset: 0, text: "x" }, "trace-1")
  streams.add({ kind: "text", turn_id: "trn_1", message_id: "msg_999", offset: 0, text: "x" }, "trace-1")
  expect(dataOf(streams).map(({ message_id }) => message_id)).toEqual(["msg_5"])
})

test("[P6.1] however pieces overlap, repeat and come out of order, what is kept is a beginning of the text", () => {
  const whole = "The quick brown fox 😀 jumps over the lazy dog"
  const piece = fc.tuple(fc.nat({ max: whole.length }), fc.nat({ max: 12 }))
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const streams = streamsOf(...pieces.map(([offset, length]) => text(offset, whole.slice(offset, offset + length))))
      const [kept] = dataOf(streams)
      const got = kept?.kind === "text" ? kept.text : ""
      expect(whole.startsWith(got)).toBe(true)
    }),
    { numRuns: 300, seed: 1 },
  )
})

const of = (generation: number, offset: number, piece: string): Progress => ({ ...text(offset, piece), generation })

test("[P6.9] a later run takes back what an earlier one said; what the earlier one still says is dropped", () => {
  const streams = streamsOf(text(0, "Once upon "), of(2, 0, "Once "), text(10, "a time"), of(2, 5, "more"))
  expect(dataOf(streams)).toEqual([of(2, 0, "Once more")])
  // A client cannot say which run the text that it has is of.
  expect(dataOf(streams, { msg_1: 9 })).toEqual([of(2, 0, "Once more")])
})

test("[P6.9] that a later run has said nothing yet is told to those who saw the earlier one, and to late joiners", () => {
  const streams = streamsOf(text(0, "Once"))
  expect(streams.add(of(2, 0, ""), "trace-1")).toEqual([of(2, 0, "")])
  expect(dataOf(streams)).toEqual([of(2, 0, "")])
})

test("[P6.9] a later run whose beginning was lost is shown when the beginning is known", () => {
  const streams = streamsOf(text(0, "Once"))
  expect(streams.add(of(2, 5, "more"), "trace-1")).toEqual([])
  expect(streams.isBroken("msg_1")).toBe(true)
  const row = { id: "trn_1", answer_id: "msg_1", trace_id: "trace-1", resume_from: null }
  const kept = { ...row, partial_text: "Once ", partial_reasoning: "" }
  expect(streams.addKept({ ...kept, partial_generation: 1 })).toEqual([])
  expect(streams.addKept({ ...kept, partial_generation: 2 })).toEqual([of(2, 0, "Once "), of(2, 5, "more")])
})

test("[P6.2] what the store has of tools and steps comes before the text, and takes the place of nothing that was heard", () => {
  const streams = new Streams()
  const step = (step_id: string, state: "running" | "completed") => ({ step_id, name: step_id, state })
  const heard: Progress = { kind: "step", ...about, step: { type: "step", ...step("one", "completed") } }
  streams.add(heard, "trace-1")
  const parts = [
    { type: "step" as const, ...step("one", "running") },
    { type: "step" as const, ...step("two", "running") },
    { type: "suggestions" as const, questions: ["And now?"] },
  ]
  const kept = { id: "trn_1", answer_id: "msg_1", trace_id: "trace-1", partial_text: "Once", partial_reasoning: "" }
  const fresh = streams.addKept({ ...kept, partial_generation: 1, resume_from: { text: 0, reasoning: 0, parts } })
  expect(fresh.map(({ kind }) => kind)).toEqual(["step", "part", "text"])
  expect(dataOf(streams)).toEqual([heard, ...fresh])
  expect(streams.addKept({ ...kept, partial_generation: 1, resume_from: { text: 0, reasoning: 0, parts } })).toEqual([])
  // A later run begins with all of them.
  const again = streams.addKept({ ...kept, partial_generation: 2, resume_from: { text: 0, reasoning: 0, parts } })
  expect(again.map(({ kind }) => kind)).toEqual(["step", "step", "part", "text"])
})
