import { expect, test } from "bun:test"
import fc from "fast-check"
import { firstWords } from "../src/first-words.ts"

test.each([
  ["What is the capital of France?", "What is the capital of France?"],
  ["  two\n\nlines\tand   spaces ", "two lines and spaces"],
  ["The quick brown fox jumps over the lazy dog", "The quick brown fox jumps…"],
  [
    "请帮我写一份关于气候变化对中国北方农业影响的详细研究报告，并附上参考文献",
    "请帮我写一份关于气候变化对中国北方农业影响的详细研究报告…",
  ],
  ["x".repeat(100), `${"x".repeat(29)}…`],
  ["👨‍👩‍👧".repeat(20), `${"👨‍👩‍👧".repeat(3)}…`],
  ["   ", ""],
])("%j begins with %j", (text, title) => {
  expect(firstWords(text, 30)).toBe(title)
})

test("whatever the text, it is one well-formed line that is not too long", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 3000 }), fc.integer({ min: 10, max: 60 }), (text, limit) => {
      const line = firstWords(text, limit)
      expect(line.length).toBeLessThanOrEqual(limit)
      expect(line.isWellFormed()).toBe(true)
      expect(line).not.toMatch(/[\p{Cc}\n]/u)
    }),
  )
})

test("a long text costs no more than a short one", () => {
  expect(firstWords(" ".repeat(2_000_000), 60)).toBe("")
  expect(firstWords(`${"word ".repeat(400_000)}`, 20)).toBe("word word word word…")
})
