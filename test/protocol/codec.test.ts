// Text to frame and back: what is read, what is left out, and that nothing makes it throw.
import { expect, test } from "bun:test"
import fc from "fast-check"
import { decode, encode, labelsOf } from "../../src/protocol/codec.ts"
import { ServerFrame } from "../../src/protocol/server-frame.ts"

test("[P2.1] a frame is read with its defaults filled in", () => {
  expect(decode('{"type":"start"}')).toEqual({ ok: true, frame: { type: "start", data: {} } })
  expect(decode('{"type":"message","data":{"text":"hi"},"id":"m1"}')).toEqual({
    ok: true,
    frame: { type: "message", data: { kind: "text", text: "hi" }, id: "m1" },
  })
})

test("[P2.1] white space around a frame, and names in any order, make no difference", () => {
  const frame = decode(' \n{ "data" : { "cursor" : 3 } ,\t"type":"start" } ')
  expect(frame).toEqual({ ok: true, frame: { type: "start", data: { cursor: 3 } } })
})

test("[P2.1] an answer is read as any JSON is that comes over REST: without a name that would change what it is", () => {
  const text = '{"type":"message","data":{"kind":"input","answer":{"__proto__":{"approved":true},"a":[1,null]}}}'
  const frame = decode(text)
  expect(JSON.stringify(frame)).toBe(
    '{"ok":true,"frame":{"type":"message","data":{"kind":"input","answer":{"a":[1,null]}}}}',
  )
})

test("[P2.6] whatever text comes, decode gives a frame or a refusal, and never throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ type: "message", data: value })),
      ),
      (text) => {
        const decoded = decode(text)
        expect(decoded.ok || ["bad_json", "bad_frame"].includes(decoded.error.code)).toBe(true)
      },
    ),
    { numRuns: 500 },
  )
})

test("[P2.6] the labels of a refusal are those that could stand in a frame", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (id, trace_id) => {
      const labels = labelsOf(JSON.stringify({ type: "?", id, trace_id }))
      const isLabel = (value: unknown, most: number) =>
        typeof value === "string" && value.length > 0 && value.length <= most && value.isWellFormed()
      expect(labels.id).toBe(isLabel(id, 64) && !String(id).includes("\0") ? (id as string) : undefined)
      expect(labels.trace_id).toBe(
        isLabel(trace_id, 128) && !String(trace_id).includes("\0") ? (trace_id as string) : undefined,
      )
    }),
  )
  for (const text of ["", "{", "[]", "null", "[".repeat(100_000)]) expect(labelsOf(text)).toEqual({})
})

test("[P2.6] a refusal says which part was wrong, in at most 300 characters, and never cuts one in two", () => {
  const decoded = decode(JSON.stringify({ type: "start", data: { offsets: { ["😀".repeat(200)]: 1 } } }))
  expect(decoded.ok).toBe(false)
  const problem = decoded.ok ? "" : String(decoded.error.params.problem)
  expect(problem).toStartWith("data.offsets.😀")
  expect(problem.length).toBeLessThanOrEqual(300)
  expect(problem.isWellFormed()).toBe(true)
})

test("[P2.1] what the server says is one JSON object in the shape of its schema", () => {
  const text = encode({ type: "pong", data: {}, trace_id: "t1" })
  expect(ServerFrame.parse(JSON.parse(text))).toEqual({ type: "pong", data: {}, trace_id: "t1" })
  expect(text).not.toContain("\n")
})
