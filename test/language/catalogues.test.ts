// Both catalogues say the same: every error has a sentence in each, with the same {places}.
import { expect, test } from "bun:test"
import { ChatError, errorCodes } from "../../src/errors.ts"
import { en } from "../../src/language/en.ts"
import { describe, isLanguage, languages, type Sentence, say } from "../../src/language/language.ts"
import { zh } from "../../src/language/zh.ts"

const keys = Object.keys(en) as Sentence[]
const placesOf = (sentence: string) => Array.from(sentence.matchAll(/\{(\w+)\}/g), ([, name]) => name).toSorted()

test("every error code has a sentence in both languages, and they differ", () => {
  for (const code of errorCodes) {
    expect(en[code].length).toBeGreaterThan(10)
    expect(zh[code]).toMatch(/[\u4e00-\u9fff]/)
    expect(zh[code]).not.toBe(en[code])
    // What is wrong, and what to do.
    expect(en[code]).toMatch(/[.!?]$|\.\.\.$/)
  }
})

test("the catalogues have the same keys, and each sentence the same places", () => {
  expect(Object.keys(zh).toSorted()).toEqual(keys.toSorted())
  for (const key of keys) {
    // A URL's own braces are no places: they are the same in both as well.
    expect([key, placesOf(zh[key])]).toEqual([key, placesOf(en[key])])
  }
})

test("a place is filled in; one without a value stays as it is, so that it can be seen", () => {
  expect(say("en", "rate_limited", { seconds: 3 })).toBe("Too many frames at once. Wait 3 s, then send again.")
  expect(say("zh", "rate_limited", { seconds: 3 })).toContain("等待 3 秒")
  expect(say("en", "rate_limited")).toContain("{seconds}")
})

test("what is filled in is taken as it is: no places in it, no patterns", () => {
  const text = "{text} $& $1 $$ {toString}"
  expect(say("en", "echo_no_model", { text })).toEndWith(text)
  expect(say("en", "echo_no_model", { text: "0" })).toEndWith(": 0")
  expect(say("en", "rate_limited", { seconds: 0 })).toContain("Wait 0 s")
})

test("[P3.4] an error is told with its code, sentence, whether to retry, and the id of what is refused", () => {
  const error = new ChatError("rate_limited", { params: { seconds: 2 }, retry_after_ms: 1999.2, cause: new Error("x") })
  expect(describe(error, "en", "id-1")).toEqual({
    ...{ code: "rate_limited", message: "Too many frames at once. Wait 2 s, then send again.", retry: true },
    ...{ retry_after_ms: 2000, id: "id-1" },
  })
  expect(describe(new ChatError("busy"), "zh")).toEqual({ code: "busy", message: zh.busy, retry: true })
})

test("[P9.2] what is not there is named in the language of the caller", () => {
  expect(describe(new ChatError("not_found", { params: { what: "session" } }), "en").message).toContain(
    "no such session",
  )
  expect(describe(new ChatError("not_found", { params: { what: "session" } }), "zh").message).toContain("没有这个会话")
})

test("a language is one that there is a catalogue for", () => {
  expect(languages.every(isLanguage)).toBe(true)
  for (const name of ["", "de", "EN", "constructor"]) expect(isLanguage(name)).toBe(false)
})
