// The words of a text, as the search index keeps them, and a person's query in them. Scripts without spaces between words
// are kept as pairs of characters, so that a Chinese word of two is found wherever it stands; others as whole words.

/** Of a message, this much is looked through, in UTF-16 units. */
export const searchedUnits = 65_536
/** A longer word is known by its beginning. */
const longestWord = 64
/** Of a query; what goes beyond is looked for in the text of what was found. */
const mostTerms = 16

/** Chinese, Japanese, Korean, South-East Asian scripts; and emoji and the like, which are words of their own. */
const dense =
  "\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Hang}\\p{sc=Bopo}\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}\\p{So}ー"
const run = new RegExp(
  `(?<dense>[${dense}]\\p{M}*)+|[[\\p{L}\\p{N}]--[${dense}]][[\\p{L}\\p{N}\\p{M}]--[${dense}]]*`,
  "gv",
)
const isWordCharacter = new RegExp(`[[\\p{L}\\p{N}\\p{M}]--[${dense}]]`, "v")
const startsAsWord = new RegExp(`^${isWordCharacter.source}`, "v")

/** One spelling for what reads the same: upper and lower case, full and half width, with and without accents. */
export function folded(text: string): string {
  // Most text is plain; taking the rest apart and putting it together again costs ten times as much.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase()
  return text
    .normalize("NFKD")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .normalize("NFC")
    .toLowerCase()
    .replaceAll("ς", "σ")
}

export interface Folded {
  readonly text: string
  /** For each unit of it, from where to where it stood before; undefined: at the same place. */
  readonly places: readonly (readonly [start: number, end: number])[] | undefined
}

/** Characters that are put together with what stands before them, so that they are folded together. */
const cluster = /[\u1100-\u11ff]+|.[\p{M}\uff9e\uff9f]*/gsu

/** As `folded`, and where everything was. */
export function foldedWithPlaces(original: string): Folded {
  const whole = folded(original)
  if (whole.length === original.length && whole === original.toLowerCase()) return { text: whole, places: undefined }
  const places: [number, number][] = []
  let text = ""
  for (const { 0: piece, index } of original.matchAll(cluster)) {
    const one = folded(piece)
    text += one
    for (let unit = 0; unit < one.length; unit++) places.push([index, index + piece.length])
  }
  return { text, places }
}

/** The terms of a folded text, each once. */
export function termsOf(text: string): Set<string> {
  const terms = new Set<string>()
  for (const { 0: word, groups } of text.matchAll(run)) {
    if (groups?.dense === undefined) terms.add(shortened(word))
    else for (const pair of pairsOf(word)) terms.add(pair)
  }
  return terms
}

/** All terms carry their owner's number: what others have said is not even looked at. */
export function indexed(user_id: number, text: string): string {
  return Array.from(termsOf(folded(text.slice(0, searchedUnits))), (term) => `${user_id}_${term}`).join(" ")
}

/** What a person looks for: words between spaces, all of them, folded. */
export function wordsOf(q: string): string[] {
  return [...new Set(folded(q).split(/\s+/u).filter(Boolean))]
}

/** As the index is asked for them; undefined: nothing that it keeps is among them. */
export function queryOf(user_id: number, words: readonly string[]): string | undefined {
  const terms = words.flatMap((word) => termsOfWord(word))
  if (terms.length === 0) return undefined
  // The longest are the rarest; the beginning of many words is the dearest to look for.
  const chosen = terms.toSorted((a, b) => Number(a.begins) - Number(b.begins) || b.term.length - a.term.length)
  const asked = chosen.slice(0, mostTerms).map(({ term, begins }) => `"${user_id}_${term}"${begins ? " *" : ""}`)
  return [...new Set(asked)].join(" AND ")
}

interface Term {
  readonly term: string
  /** Any that begins with it. */
  readonly begins: boolean
}

function termsOfWord(word: string): Term[] {
  const runs = [...word.matchAll(run)]
  return runs.flatMap(({ 0: part, groups }, place): Term[] => {
    if (groups?.dense === undefined) {
      const last = place === runs.length - 1
      // What is still being typed is found. But words with an `e` in front are most of all there is, and dear to look for:
      // a single letter is a word of its own, and after others it is left to the text.
      if (part.length > 1) return [{ term: shortened(part), begins: last }]
      return last && runs.length > 1 ? [] : [{ term: part, begins: false }]
    }
    const pairs = pairsOf(part)
    // The last stands for the end of the text; here the text goes on. A single character may stand before any other.
    if (pairs.length === 1) return [{ term: part, begins: true }]
    return pairs.slice(0, -1).map((term) => ({ term, begins: false }))
  })
}

/** Each character with the next, and the last alone. */
function pairsOf(run: string): string[] {
  const characters = Array.from(run)
  return characters.map((character, place) => character + (characters[place + 1] ?? ""))
}

function shortened(word: string): string {
  return word.length <= longestWord ? word : Array.from(word).slice(0, longestWord).join("")
}

/**
 * Where the folded `word` stands in the folded `text`, from `from` on; -1: nowhere. A word is found by its beginning, a single
 * letter as a whole one.
 */
export function placeOfWord(text: string, word: string, from = 0): number {
  const anywhere = !startsAsWord.test(word)
  const begins = word.length > 1
  for (let place = text.indexOf(word, from); place !== -1; place = text.indexOf(word, place + 1)) {
    if (anywhere || (!endsInWord(text, place) && (begins || !startsAsWord.test(text.slice(place + 1, place + 3)))))
      return place
  }
  return -1
}

function endsInWord(text: string, place: number): boolean {
  const before = Array.from(text.slice(Math.max(0, place - 2), place)).at(-1) ?? ""
  return isWordCharacter.test(before)
}
