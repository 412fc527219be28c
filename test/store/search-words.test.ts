// What the index keeps of a text, and what is asked of it: whoever looks for a piece of what was said finds it.

import { Database as Sqlite } from "bun:sqlite"
import { expect, test } from "bun:test"
import fc from "fast-check"
import { snippetOf } from "../../src/store/search-snippet.ts"
import { folded, indexed, placeOfWord, queryOf, wordsOf } from "../../src/store/search-words.ts"

/** Shows the marks of a snippet in brackets. */
function marked(text: string, q: string): string | undefined {
  const snippet = snippetOf(text, wordsOf(q))
  if (!snippet) return undefined
  return snippet.marks.reduceRight(
    (all, [start, end]) => `${all.slice(0, start)}[${all.slice(start, end)}]${all.slice(end)}`,
    snippet.text,
  )
}

test.each([
  ["The Weather in Paris", "weather", "The [Weather] in Paris"],
  ["The Weather in Paris", "wea", "The [Wea]ther in Paris"],
  ["The Weather in Paris", "eather", undefined],
  ["The Weather in Paris", "paris weather", "The [Weather] in [Paris]"],
  ["The Weather in Paris", "paris rome", undefined],
  ["今天天气很好", "天气", "今天[天气]很好"],
  ["今天天气很好", "天", "今[天][天]气很好"],
  ["今天天气很好", "好", "今天天气很[好]"],
  ["今天天气很好", "气天", undefined],
  ["用iPhone拍照", "iphone拍", "用[iPhone拍]照"],
  ["ＡＢＣ公司", "abc", "[ＡＢＣ]公司"],
  ["abc公司", "ＡＢＣ", "[abc]公司"],
  ["Résumé, ﬁnal", "resume final", "[Résumé], [ﬁnal]"],
  ["re\u0301sume\u0301", "resume", "[re\u0301sume\u0301]"],
  ["ｶﾞﾗｽ", "ガラス", "[ｶﾞﾗｽ]"],
  ["ΟΔΟΣ", "οδος", "[ΟΔΟΣ]"],
  ["한국어를 배워요", "국어", "한[국어]를 배워요"],
  ["C++ and foo-bar", "c++", "[C++] and foo-bar"],
  ["C++ and foo-bar", "foo-b", "C++ and [foo-b]ar"],
  ["plan b or c", "b", "plan [b] or c"],
  ["plan better", "b", undefined],
  ["well done 🎉", "🎉", "well done [🎉]"],
  ["𠮷野家", "𠮷", "[𠮷]野家"],
])("in %j %j is found as %j", (text, q, expected) => {
  expect(marked(text, q)).toBe(expected)
})

test("a snippet is a piece about the first word, its marks are in order, and no character is cut", () => {
  const text = `${"🎉".repeat(500)} needle ${"🎉".repeat(500)} needle`
  const snippet = snippetOf(text, ["needle"]) ?? expect.unreachable()
  expect(snippet.text.length).toBeLessThanOrEqual(201)
  expect(snippet.text.isWellFormed()).toBe(true)
  expect(snippet.marks.map(([start, end]) => snippet.text.slice(start, end))).toEqual(["needle"])
})

function openIndex() {
  const db = new Sqlite(":memory:")
  db.exec(
    `create virtual table f using fts5(terms, content='', contentless_delete=1, detail=none, tokenize="ascii tokenchars '_'")`,
  )
  return {
    add: (id: number, terms: string) => db.query("insert into f (rowid, terms) values (?, ?)").run(id, terms),
    ask: (match: string) =>
      db
        .query<{ rowid: number }, [string]>("select rowid from f where f match ? order by rowid")
        .all(match)
        .map(({ rowid }) => rowid),
    [Symbol.dispose]: () => db.close(),
  }
}

const piece = fc.oneof(
  fc.constantFrom(
    "天气",
    "很好",
    "weather",
    "Paris",
    "ＡＢＣ",
    "é",
    "🎉",
    "한국",
    "ﬁ",
    "-",
    "_",
    "  ",
    "，",
    '"',
    "*",
    "NEAR(",
    "AND",
  ),
  fc.string({ unit: "grapheme", maxLength: 5 }),
)
const anyText = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""))

test("whatever is asked can be asked, and the index knows of each message that has all the words", () => {
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 1, maxLength: 6 }), anyText, fc.nat(), (texts, other, from) => {
      using index = openIndex()
      for (const [id, text] of texts.entries()) index.add(id + 1, indexed(7, text))
      // Something that is in one of them, and something that may be in none.
      const [first = ""] = texts
      for (const q of [first.slice(from % (first.length + 1)), other]) {
        // Half a character is refused before (P2.5).
        if (!q.isWellFormed()) continue
        const words = wordsOf(q)
        const match = queryOf(7, words)
        const having = texts.flatMap((text, id) => (snippetOf(text, words) ? [id + 1] : []))
        if (match === undefined) continue
        expect(index.ask(match)).toEqual(expect.arrayContaining(having))
        expect(index.ask(queryOf(8, words) ?? "")).toEqual([])
      }
    }),
    { numRuns: 1000, seed: 20_261_122 },
  )
})

test("every word of a text is found in it, by its beginning", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const word of wordsOf(text)) expect(placeOfWord(folded(text), word)).toBeGreaterThanOrEqual(0)
    }),
    { numRuns: 500, seed: 20_261_122 },
  )
})
