// Sentences for people, in their language. A sentence is a key of a catalogue with {places} to fill in.
import Negotiator from "negotiator"
import type { ChatError, ErrorParams } from "../errors.ts"
import type { ErrorBody } from "../protocol/error.ts"
import { en } from "./en.ts"
import { zh } from "./zh.ts"

export const languages = ["en", "zh"] as const
export type Language = (typeof languages)[number]
export type Sentence = keyof typeof en

const catalogues: Record<Language, Record<Sentence, string>> = { en, zh }

/** The sentence `key` in `language`; {places} without a value stay as they are. */
export function say(language: Language, key: Sentence, params: Readonly<Record<string, string | number>> = {}): string {
  return catalogues[language][key].replace(/\{(\w+)\}/g, (place, name: string) => String(params[name] ?? place))
}

/** Picks a language: `asked` (the `lang` parameter) if it is one of ours, else by Accept-Language (RFC 9110, 12.5.4), else English. */
export function chooseLanguage(asked: string | null | undefined, acceptLanguage: string | null | undefined): Language {
  const named = languages.find((language) => language === asked?.toLowerCase().split("-")[0])
  if (named) return named
  if (!acceptLanguage) return "en"
  const best = new Negotiator({ headers: { "accept-language": acceptLanguage } }).language([...languages])
  return languages.find((language) => language === best) ?? "en"
}

/** The error as a caller sees it. */
export function describe(error: ChatError, language: Language, id?: string): ErrorBody {
  return {
    code: error.code,
    message: say(language, error.code, localParams(error, language)),
    retry: error.row.retry,
    ...(error.retry_after_ms === undefined ? {} : { retry_after_ms: Math.ceil(error.retry_after_ms) }),
    ...(error.fields === undefined ? {} : { fields: { ...error.fields } }),
    ...(id === undefined ? {} : { id }),
  }
}

/** `what` ("no such {what}") and `problem` of a sentence are of the language as well, where the catalogue has them. */
function localParams({ params }: ChatError, language: Language): ErrorParams {
  const local = (["what", "problem"] as const).flatMap((place) => {
    const key = `${place}_${params[place]}`
    return isSentence(key) ? [[place, say(language, key, params)]] : []
  })
  return { ...params, ...Object.fromEntries(local) }
}

function isSentence(key: string): key is Sentence {
  return Object.hasOwn(en, key)
}

export function isLanguage(name: string): name is Language {
  return languages.some((language) => language === name)
}
