// What an answer says about the calls that wait for it: only a clear yes is one, and each is about its own call.
import { expect, test } from "bun:test"
import type { ModelMessage } from "ai"
import {
  type Call,
  decisionsOf,
  messagesAfter,
  type Pending,
  questionAbout,
} from "../../src/handlers/assistant/approval.ts"

const callOf = (number: number): Call => ({
  ...{ approval_id: `a${number}`, tool_call_id: `c${number}`, shown_id: `c${number}`, name: "drop" },
  input: { thing: `${number}` },
})
const pendingOf = (calls: Call[], messages: ModelMessage[] = []): Pending => ({
  ...{ question_id: "msg_1", asked: "go", messages, calls },
})
const answerOf = (answer: Parameters<typeof decisionsOf>[1]["answer"]) => ({
  ...{ type: "input" as const, input_id: "inp_1", answer },
})

test("[P6.22] whatever is no clear yes is a no", () => {
  const pending = pendingOf([callOf(1)])
  const said = [{}, { call_a1: "yes" }, { call_a1: 1 }, { call_a1: null }, { call_a2: true }, { a1: true }]
  for (const answer of [...said, "yes", true, ["call_a1"], null, { call_a1: false }, { call_a1: { value: {} } }]) {
    expect(decisionsOf(pending, answerOf(answer)).map(({ approved }) => approved)).toEqual([false])
  }
  const edited = { call_a1: { approved: true, value: { thing: "other" } } }
  expect(decisionsOf(pending, answerOf({ call_a1: true }))).toMatchObject([{ approved: true, input: { thing: "1" } }])
  expect(decisionsOf(pending, answerOf(edited))).toMatchObject([{ approved: true, input: { thing: "other" } }])
  const refused = { call_a1: { approved: false, value: { thing: "other" }, comment: "no" } }
  expect(decisionsOf(pending, answerOf(refused))).toMatchObject([
    { approved: false, input: { thing: "1" }, comment: "no" },
  ])
})

test("[P6.22] calls beyond the most that can be asked about at once are refused, though all that was asked is agreed to", () => {
  const calls = Array.from({ length: 60 }, (_, number) => callOf(number))
  const question = questionAbout(calls, "en", () => undefined)
  const fields = question.type === "question" ? (question.fields ?? []) : []
  expect(fields).toHaveLength(50)
  const decisions = decisionsOf(pendingOf(calls), answerOf(Object.fromEntries(fields.map(({ key }) => [key, true]))))
  expect(decisions.map(({ approved }) => approved)).toEqual(calls.map((_, place) => place < 50))
})

test("[P6.22] changed arguments are those of the call that was asked about, though an earlier step's has the same id", () => {
  const step = (thing: string): ModelMessage => ({
    role: "assistant",
    content: [{ type: "tool-call", toolCallId: "c1", toolName: "drop", input: { thing } }],
  })
  const pending = pendingOf([callOf(1)], [step("before"), step("1")])
  const decisions = decisionsOf(pending, answerOf({ call_a1: { approved: true, value: { thing: "other" } } }))
  expect(messagesAfter(pending, decisions)).toMatchObject([
    step("before"),
    step("other"),
    { role: "tool", content: [{ type: "tool-approval-response", approvalId: "a1", approved: true }] },
  ])
})
