// A question with fields in the terminal: line by line, field after field.
import { expect, test } from "bun:test"
import { Form } from "../../src/commands/chat/form.ts"
import { newId } from "../../src/ids.ts"
import { Field } from "../../src/protocol/form.ts"

function formOf(...fields: object[]): Form {
  const question = {
    ...{ input_id: newId("input"), turn_id: newId("turn"), prompt: "Please", expires_at: null },
    ...{ fields: fields.map((field) => Field.parse(field)), create_time: "2026-01-01T00:00:00.000Z" },
  }
  return new Form(question, async (path) => `file of ${path}`)
}

async function answered(form: Form, ...lines: string[]) {
  for (const line of lines) await form.take(line)
  return form.answer
}

test("each kind of field takes what a person would type", async () => {
  const form = formOf(
    { type: "text", key: "name" },
    { type: "number", key: "age" },
    { type: "select", key: "colour", options: [{ value: "r", label: "Red" }, { value: "g" }] },
    { type: "select", key: "days", options: [{ value: "mo" }, { value: "tu" }, { value: "we" }], multiple: true },
    { type: "file", key: "papers", multiple: true },
    { type: "confirm", key: "sure" },
  )
  expect(form.answer).toBeUndefined()
  expect(await answered(form, " Ann ", "42", "red", "1, we", "a.pdf, b c.pdf", "yes")).toEqual({
    ...{ name: "Ann", age: 42, colour: "r", days: ["mo", "we"] },
    ...{ papers: ["file of a.pdf", "file of b c.pdf"], sure: { approved: true } },
  })
})

test("what cannot be the value is refused, and the field stays open", async () => {
  const form = formOf(
    { type: "number", key: "age", label: "Your age" },
    { type: "select", key: "colour", options: [{ value: "r" }] },
    { type: "confirm", key: "sure", editable: true },
  )
  await expect(form.take("old")).rejects.toThrow("old is not a number")
  expect(form.prompt).toContain("Your age")
  await form.take("7")
  await expect(form.take("2")).rejects.toThrow("2 is not in the list")
  await form.take("1")
  await expect(form.take("perhaps")).rejects.toThrow("say y or n")
  await expect(form.take("y {broken")).rejects.toThrow("not JSON")
  expect(await answered(form, 'y {"a": 1}')).toEqual({
    ...{ age: 7, colour: "r" },
    sure: { approved: true, value: { a: 1 } },
  })
})

test("an empty line leaves a field to its default, and a refusal may say why", async () => {
  const form = formOf(
    { type: "text", key: "name", default: "Bob" },
    { type: "confirm", key: "sure", value: { to: "x" } },
  )
  expect(form.prompt).toBe("name (default: Bob):")
  await form.take("")
  expect(form.prompt).toContain('"to": "x"')
  expect(await answered(form, "no, not today")).toEqual({ sure: { approved: false, comment: "not today" } })
})

test("what the service finds wrong is asked for again, and nothing else: what was right is kept", async () => {
  const form = formOf({ type: "text", key: "name" }, { type: "number", key: "age" }, { type: "file", key: "paper" })
  await answered(form, "Ann", "7", "a.pdf")
  expect(form.reopen(["age", "unknown"])).toBe(true)
  expect([form.answer, form.prompt]).toEqual([undefined, "age (a number):"])
  expect(await answered(form, "8")).toEqual({ name: "Ann", age: 8, paper: ["file of a.pdf"] })
  expect(form.reopen(["unknown"])).toBe(false)
})
