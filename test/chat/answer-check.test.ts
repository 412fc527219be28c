// Answers held against the fields of a question: what is kept, what is refused and how, and that no JSON gets through unchecked.
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { z } from "zod"
import { answerOfText, checkAnswer, renderAnswer } from "../../src/chat/answer-check.ts"
import type { Value } from "../../src/chat/answer-read.ts"
import { ChatError } from "../../src/errors.ts"
import type { Language } from "../../src/language/language.ts"
import { type Field, Fields } from "../../src/protocol/form.ts"
import { idOf } from "../http/rows.ts"

type Given = z.input<typeof Fields>
const formOf = (...fields: Given): Field[] => Fields.parse(fields)
const fileId = (number: number) => idOf("msg", number).replace("msg", "fil")

/** What is wrong with each field; undefined: nothing. */
function faultsOf(
  fields: readonly Field[],
  answer: Value,
  language: Language = "en",
): Record<string, string> | undefined {
  try {
    checkAnswer(fields, answer, language)
    return undefined
  } catch (error) {
    if (!(error instanceof ChatError)) throw error
    expect(error.code).toBe("bad_answer")
    return { ...error.fields }
  }
}

const options = [{ value: "r", label: "Red" }, { value: "g", label: "绿" }, { value: "B" }]

/** A field, what is given, what is kept. */
const kept: [string, Given[number], Value, Value][] = [
  ["text as it is", { type: "text", key: "f" }, "北京", "北京"],
  ["text without the space around it", { type: "text", key: "f" }, "  Rome ", "Rome"],
  ["text of several lines with its space", { type: "text", key: "f", multiline: true }, " a\n b", " a\n b"],
  ["text of the right length", { type: "text", key: "f", min_length: 2, max_length: 2 }, "ab", "ab"],
  ["an email address", { type: "text", key: "f", format: "email" }, "a@b.example", "a@b.example"],
  ["an address", { type: "text", key: "f", format: "url" }, "https://b.example/x", "https://b.example/x"],
  ["a date", { type: "text", key: "f", format: "date" }, "2024-02-29", "2024-02-29"],
  ["a number", { type: "number", key: "f", min: 1, max: 2 }, 1.5, 1.5],
  ["a number as text", { type: "number", key: "f", integer: true }, " 12 ", 12],
  ["a number in wide digits", { type: "number", key: "f" }, "１２．５", 12.5],
  ["an option by its value", { type: "select", key: "f", options }, "r", "r"],
  ["an option by its label, in any case", { type: "select", key: "f", options }, "RED", "r"],
  ["an option by its value, in any case", { type: "select", key: "f", options }, "b", "B"],
  ["several options, each once", { type: "select", key: "f", options, multiple: true }, ["绿", "g", "r"], ["g", "r"]],
  ["several options as text", { type: "select", key: "f", options, multiple: true }, "red、绿", ["r", "g"]],
  ["one option where several may be", { type: "select", key: "f", options, multiple: true }, "r", ["r"]],
  ["a file", { type: "file", key: "f" }, fileId(1), [fileId(1)]],
  ["files", { type: "file", key: "f", multiple: true }, [fileId(1), fileId(2), fileId(1)], [fileId(1), fileId(2)]],
  ["a yes", { type: "confirm", key: "f" }, true, { approved: true }],
  ["a no in words", { type: "confirm", key: "f" }, "不同意。", { approved: false }],
  [
    "an approval with a comment",
    { type: "confirm", key: "f" },
    { approved: "yes", comment: " go " },
    { approved: true, comment: "go" },
  ],
  [
    "an approval with edits",
    { type: "confirm", key: "f", value: { to: "a" }, editable: true },
    { approved: true, value: { to: "b" } },
    { approved: true, value: { to: "b" } },
  ],
  [
    "an approval with the value as it was",
    { type: "confirm", key: "f", value: { to: "a", n: 1 } },
    { approved: true, value: { n: 1, to: "a" } },
    { approved: true },
  ],
]

test.each(kept)("[P6.13] %s is kept", (_, field, given, value) => {
  const fields = formOf(field)
  expect(checkAnswer(fields, { f: given }, "en")).toEqual({ f: value })
  // The only field need not be named, but for what could be taken for names.
  if (typeof given !== "object" || Array.isArray(given)) expect(checkAnswer(fields, given, "en")).toEqual({ f: value })
})

const refused: [string, Given[number], Value, string, RegExp][] = [
  ["nothing", { type: "text", key: "f" }, null, "is needed", /必填/],
  ["space", { type: "text", key: "f" }, "  ", "is needed", /必填/],
  ["no text", { type: "text", key: "f" }, 1, "must be text", /文本/],
  ["too short a text", { type: "text", key: "f", min_length: 3 }, "ab", "at least 3", /至少需要 3/],
  ["too long a text", { type: "text", key: "f", max_length: 1 }, "ab", "at most 1", /最多 1/],
  ["no email address", { type: "text", key: "f", format: "email" }, "a@", "email", /邮箱/],
  ["an address of a script", { type: "text", key: "f", format: "url" }, "javascript:alert(1)", "http", /http/],
  ["no date", { type: "text", key: "f", format: "date" }, "2023-02-29", "date", /日期/],
  ["no number", { type: "number", key: "f" }, "0x10", "must be a number", /数字/],
  ["half a number", { type: "number", key: "f", integer: true }, 1.5, "whole number", /整数/],
  ["too small a number", { type: "number", key: "f", min: 2 }, 1, "2 or more", /不能小于 2/],
  ["too large a number", { type: "number", key: "f", max: 2 }, "3", "2 or less", /不能大于 2/],
  ["a number beyond all numbers", { type: "number", key: "f" }, "1e999", "must be a number", /数字/],
  ["no option", { type: "select", key: "f", options }, "yellow", "one of: Red, 绿, B", /Red, 绿, B/],
  ["nothing but separators", { type: "select", key: "f", options, multiple: true }, ", ;", "one of", /之一/],
  ["two options where one may be", { type: "select", key: "f", options }, ["r", "g"], "one of", /之一/],
  [
    "an option that is none among others",
    { type: "select", key: "f", options, multiple: true },
    ["r", {}],
    "one of",
    /之一/,
  ],
  ["no file", { type: "file", key: "f" }, "a.txt", "must be a file of yours", /上传/],
  ["two files where one may be", { type: "file", key: "f" }, [fileId(1), fileId(2)], "one file only", /一个文件/],
  [
    "too many files",
    { type: "file", key: "f", multiple: true },
    Array.from({ length: 11 }, (_, place) => fileId(place)),
    "at most 10",
    /10 个/,
  ],
  ["neither yes nor no", { type: "confirm", key: "f" }, "perhaps", "yes or no", /是或否/],
  ["a confirmation with more in it", { type: "confirm", key: "f" }, { approved: true, x: 1 }, "yes or no", /是或否/],
  [
    "an edit where none is allowed",
    { type: "confirm", key: "f", value: 1 },
    { approved: true, value: 2 },
    "not changed",
    /不能修改/,
  ],
  ["too long a comment", { type: "confirm", key: "f" }, { approved: true, comment: "x".repeat(4001) }, "4,000", /4000/],
]

test.each(refused)(
  "[P6.13] %s is refused with a sentence for its field, in both languages",
  (_, field, given, en, zh) => {
    const fields = formOf(field, { type: "text", key: "other", required: false })
    const told = faultsOf(fields, { f: given })
    expect(Object.keys(told ?? {})).toEqual(["f"])
    expect(told?.f).toContain(en)
    expect(faultsOf(fields, { f: given }, "zh")?.f).toMatch(zh)
  },
)

describe("[P6.13] an answer as a whole", () => {
  const form = formOf(
    { type: "text", key: "name", label: "Your name" },
    { type: "number", key: "age", required: false, default: 18 },
    { type: "confirm", key: "terms" },
  )

  test("[P6.13] every wrong field is named at once, and keys that are no fields", () => {
    expect(faultsOf(form, { age: "old", extra: 1 })).toEqual({
      ...{ name: "is needed", age: "must be a number", terms: "is needed", extra: "there is no such field" },
    })
  })

  test("[P6.13] a standard value holds when a field is left out; one that is emptied stays empty", () => {
    const rest = { name: "Li", terms: true }
    const confirmed = { name: "Li", terms: { approved: true } }
    expect(checkAnswer(form, rest, "en")).toEqual({ ...confirmed, age: 18 })
    expect(checkAnswer(form, { ...rest, age: null }, "en")).toEqual({ ...confirmed, age: null })
  })

  test("[P6.13] what is no object names every field, unless only one can be meant", () => {
    expect(Object.keys(faultsOf(form, "Li") ?? {})).toEqual(["name", "age", "terms"])
    const one = formOf({ type: "text", key: "name" }, { type: "number", key: "age", required: false })
    expect(checkAnswer(one, "Li", "en")).toEqual({ name: "Li" })
  })

  test("[P6.13] keys that objects have from birth are no values", () => {
    const fields = formOf({ type: "text", key: "constructor" }, { type: "text", key: "toString" })
    expect(faultsOf(fields, {})).toEqual({ constructor: "is needed", toString: "is needed" })
    expect(Fields.safeParse([{ type: "text", key: "__proto__" }]).success).toBe(false)
    expect(faultsOf(fields, JSON.parse('{"__proto__": "x", "constructor": "a", "toString": "b"}'))).toBeDefined()
  })

  test("[P6.13] without fields any answer is one", () => {
    for (const answer of ["text", 1, null, [], { a: { b: 1 } }]) expect(checkAnswer([], answer, "en")).toEqual(answer)
  })

  test("[P6.13] a person reads it as lines, in their language", () => {
    const fields = formOf(
      { type: "select", key: "colours", label: "Colours", options, multiple: true },
      { type: "confirm", key: "ok", value: 1, editable: true },
      { type: "file", key: "scan" },
      { type: "number", key: "n", required: false },
    )
    const answer = checkAnswer(
      fields,
      { colours: ["r", "g"], ok: { approved: true, value: 2, comment: "less" }, scan: fileId(1) },
      "en",
    )
    expect(renderAnswer(fields, answer, "en", () => "a.pdf")).toBe(
      "Colours: Red, 绿\nok: approved, changed to 2 (less)\nscan: a.pdf",
    )
    expect(renderAnswer(fields, answer, "zh", () => "a.pdf")).toBe(
      "Colours：Red、绿\nok：同意，并修改为 2（less）\nscan：a.pdf",
    )
    expect(renderAnswer(formOf({ type: "text", key: "a", required: false }), {}, "en", String)).toBe("(nothing)")
  })
})

describe("a text as an answer", () => {
  test("[P6.7] it answers the only field that is needed, when it fits", () => {
    const of = (field: Given[number], text: string) =>
      answerOfText(formOf(field, { type: "text", key: "more", required: false }), text, "en")
    expect(of({ type: "text", key: "f" }, "Rome")).toEqual({ f: "Rome" })
    expect(of({ type: "number", key: "f" }, "seven")).toBeUndefined()
    expect(of({ type: "select", key: "f", options }, "red")).toEqual({ f: "r" })
    expect(of({ type: "select", key: "f", options }, "what do you mean?")).toBeUndefined()
    expect(of({ type: "confirm", key: "f" }, "好的")).toEqual({ f: { approved: true } })
    expect(of({ type: "confirm", key: "f" }, "why?")).toBeUndefined()
    expect(of({ type: "file", key: "f" }, fileId(1))).toBeUndefined()
  })

  test("[P6.7] with two fields that are needed it answers none; without fields it always is the answer", () => {
    expect(answerOfText(formOf({ type: "text", key: "a" }, { type: "text", key: "b" }), "Rome", "en")).toBeUndefined()
    expect(answerOfText([], "Rome", "en")).toBe("Rome")
  })
})

/** Any form, with keys that meet those of the answers now and then. */
const key = fc.constantFrom("a", "b", "c", "constructor", "toString")
const fieldOf = (key: string): fc.Arbitrary<Given[number]> => {
  const base = { key: fc.constant(key), required: fc.boolean() }
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
  return fc
    .oneof(
      fc.record({
        ...{ type: fc.constant("text" as const), ...base, multiline: maybe(fc.boolean()) },
        ...{ min_length: maybe(fc.nat(3)), max_length: maybe(fc.integer({ min: 1, max: 9 })) },
        ...{ default: maybe(fc.string({ maxLength: 5 })), format: maybe(fc.constantFrom("email", "url", "date")) },
      }),
      fc.record({
        ...{ type: fc.constant("number" as const), ...base, integer: maybe(fc.boolean()) },
        ...{ min: maybe(fc.integer()), max: maybe(fc.integer()), default: maybe(fc.integer()) },
      }),
      fc.record({
        ...{ type: fc.constant("select" as const), ...base, multiple: maybe(fc.boolean()) },
        options: fc.array(fc.record({ value: fc.string({ minLength: 1, maxLength: 2 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        default: maybe(fc.oneof(fc.string({ maxLength: 2 }), fc.array(fc.string({ maxLength: 2 }), { maxLength: 2 }))),
      }),
      fc.record({ type: fc.constant("file" as const), ...base, multiple: maybe(fc.boolean()) }),
      fc.record({
        ...{ type: fc.constant("confirm" as const), ...base, editable: maybe(fc.boolean()) },
        value: maybe(fc.jsonValue() as fc.Arbitrary<Value>),
      }),
    )
    .map((field) => field as Given[number])
}
const form = fc
  .uniqueArray(key, { maxLength: 4 })
  .chain((keys) => fc.tuple(...keys.map(fieldOf)))
  .map((fields) => Fields.safeParse(JSON.parse(JSON.stringify(fields))).data ?? [])
const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Value>
const value = fc.oneof(
  json,
  fc.constantFrom(true, "yes", "no", 7, "7", fileId(1), { approved: true }, { approved: "no" }),
)
const answer = fc.oneof(value, fc.dictionary(key, value) as fc.Arbitrary<Value>)

test("[P6.13] whatever JSON comes as an answer to whatever form: it is kept and stays the same, or a field is named", () => {
  fc.assert(
    fc.property(form, answer, fc.constantFrom<Language>("en", "zh"), (fields, given, language) => {
      const faults = faultsOf(fields, given, language)
      if (faults) {
        expect(Object.keys(faults).length).toBeGreaterThan(0)
        for (const sentence of Object.values(faults)) expect(sentence).not.toMatch(/^$|\{\w+\}/)
        return
      }
      const kept = checkAnswer(fields, given, language)
      expect(checkAnswer(fields, kept, language)).toEqual(kept)
      expect(() => renderAnswer(fields, kept, language, String)).not.toThrow()
    }),
    { numRuns: 3000 },
  )
})
