import { expect, test } from "bun:test"
import { chooseLanguage } from "../../src/language/language.ts"

test("[P3.4] `lang` goes before Accept-Language, in any case and with any region", () => {
  for (const asked of ["zh", "ZH", "zh-CN", "zh-Hant-TW"]) expect(chooseLanguage(asked, "en")).toBe("zh")
  for (const asked of ["en", "EN-us"]) expect(chooseLanguage(asked, "zh")).toBe("en")
})

test("[P3.4] without a `lang` of ours, Accept-Language decides by its weights", () => {
  for (const asked of [undefined, null, "", "de", "x", "constructor"]) {
    expect(chooseLanguage(asked, "zh")).toBe("zh")
    expect(chooseLanguage(asked, "zh-CN,zh;q=0.9,en;q=0.8")).toBe("zh")
    expect(chooseLanguage(asked, "en;q=0.5, zh;q=0.6")).toBe("zh")
    expect(chooseLanguage(asked, "de, en;q=0.7, zh;q=0.3")).toBe("en")
    expect(chooseLanguage(asked, "zh-TW")).toBe("zh")
    expect(chooseLanguage(asked, "de-CH, zh-Hans;q=0.2")).toBe("zh")
  }
})

test("[P3.4] otherwise it is English", () => {
  for (const header of [
    undefined,
    null,
    "",
    "de",
    "*",
    "zh;q=0",
    "en;q=0, zh;q=0",
    ";;;,,,=",
    "q=1",
    "\u0000",
    "x".repeat(100_000),
  ])
    expect(chooseLanguage(undefined, header)).toBe("en")
})
