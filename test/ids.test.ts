import { expect, test } from "bun:test"
import { newId, newTraceId } from "../src/ids.ts"
import { ChatId, InputId, MessageId, SessionId, TraceId, TurnId } from "../src/protocol/ids.ts"

test("an id has the shape that the protocol gives it", () => {
  expect(SessionId.parse(newId("session"))).toStartWith("ses_")
  expect(MessageId.parse(newId("message"))).toStartWith("msg_")
  expect(TurnId.parse(newId("turn"))).toStartWith("trn_")
  expect(InputId.parse(newId("input"))).toStartWith("inp_")
  expect(ChatId.parse(newId("chat"))).toStartWith("chat_")
  for (const kind of ["instance", "epoch"] as const) expect(newId(kind)).toMatch(/^[a-z]{3}_[0-9a-f]{32}$/)
  expect(TraceId.parse(newTraceId())).toBeTruthy()
})

test("ids sort in the order in which they were made, and none is made twice", () => {
  const ids = Array.from({ length: 5000 }, () => newId("message"))
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.toSorted()).toEqual(ids)
})
