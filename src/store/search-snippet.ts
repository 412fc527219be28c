// The piece of a message that shows why it was found, with the places of the words in it.
import { type Folded, foldedWithPlaces, placeOfWord, searchedUnits } from "./search-words.ts"

export interface Snippet {
  readonly text: string
  /** From and to, in UTF-16 units of `text`, in order, none within another. */
  readonly marks: [start: number, end: number][]
}

/** UTF-16 units, and how many of them go before the first word. */
const most = 200
const before = 60

/** Undefined: not all of the words are in it. The index may know a text that was changed since, or less of a word than all. */
export function snippetOf(message: string, words: readonly string[]): Snippet | undefined {
  const text = message.slice(0, searchedUnits)
  const whole = foldedWithPlaces(text)
  const firsts = words.map((word) => placeOfWord(whole.text, word))
  if (firsts.length === 0 || firsts.includes(-1)) return undefined
  const first = startOf(whole, Math.min(...firsts))
  const from = first <= before ? 0 : wholeCharacter(text, first - before)
  const to = wholeCharacter(text, Math.min(text.length, from + most))
  const marks = words.flatMap((word) => marksOf(whole, word, from, to))
  return { text: text.slice(from, to), marks: joined(marks).map(([start, end]) => [start - from, end - from]) }
}

/** Where the word stands between `from` and `to` of the text as it was written. */
function marksOf(whole: Folded, word: string, from: number, to: number): [number, number][] {
  const marks: [number, number][] = []
  let place = placeOfWord(whole.text, word, firstFrom(whole, from))
  while (place !== -1 && startOf(whole, place) < to) {
    marks.push([startOf(whole, place), Math.min(to, endOf(whole, place + word.length - 1))])
    place = placeOfWord(whole.text, word, place + word.length)
  }
  return marks.filter(([start]) => start >= from)
}

function joined(marks: readonly [number, number][]): [number, number][] {
  const all: [number, number][] = []
  for (const [start, end] of marks.toSorted(([a], [b]) => a - b)) {
    const last = all.at(-1)
    if (last && start < last[1]) last[1] = Math.max(last[1], end)
    else all.push([start, end])
  }
  return all
}

function startOf({ places }: Folded, place: number): number {
  return places ? (places[place]?.[0] ?? 0) : place
}

function endOf({ places }: Folded, place: number): number {
  return places ? (places[place]?.[1] ?? 0) : place + 1
}

/** The first place of the folded text that comes from `from` or later. */
function firstFrom({ places }: Folded, from: number): number {
  if (!places) return from
  const found = places.findIndex(([start]) => start >= from)
  return found === -1 ? places.length : found
}

/** Not between the two halves of a character. */
function wholeCharacter(text: string, place: number): number {
  const half = text.charCodeAt(place)
  return half >= 0xdc00 && half <= 0xdfff ? place - 1 : place
}
