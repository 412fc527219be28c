// Reading files as text: what can be read, and what was made so that whoever reads it comes to harm.
import { expect, test } from "bun:test"
import { systemClock } from "../../src/clock.ts"
import { loadConfig } from "../../src/config.ts"
import { ChatError } from "../../src/errors.ts"
import { openFiles } from "../../src/files/open.ts"
import { silentLog } from "../../src/log.ts"
import { openTestDatabase } from "../http/database.ts"
import { documentXml, docxFrame, docxOf, zipOf } from "./archives.ts"
import { pdfOf } from "./pdfs.ts"
import { type Bytes, png } from "./support.ts"

async function openTestFiles(settings: Record<string, string> = {}) {
  const db = await openTestDatabase()
  const config = { ...loadConfig(settings), data_dir: db.folder }
  const { keeper, filesFor } = openFiles(config, { db, clock: systemClock, log: silentLog })
  return {
    files: filesFor(1),
    filesFor,
    async keep(content: Bytes, name: string): Promise<string> {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
      return (await keeper.keep({ user_id: 1 }, { name }, [bytes])).id
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

/** The text of a file, or why there is none. */
async function read(content: Bytes, name: string, settings: Record<string, string> = {}): Promise<string | null> {
  await using opened = await openTestFiles(settings)
  try {
    return await opened.files.text(await opened.keep(content, name))
  } catch (error) {
    if (error instanceof ChatError) return `${error.code}: ${error.params.problem}`
    throw error
  }
}

test.each<[string, Bytes, string, string | null]>([
  ["text", "Hello, 世界", "a.txt", "Hello, 世界"],
  ["text with a byte order mark", "\ufeffHello", "a.txt", "Hello"],
  ["Markdown", "# Title\n\n- one", "a.md", "# Title\n\n- one"],
  ["CSV", "a,b\n1,2\n", "a.csv", "a,b\n1,2\n"],
  ["JSON", '{"a":1}', "a.json", '{"a":1}'],
  [
    "HTML",
    "<html><head><style>p{}</style><script>x()</script></head><body><h1>T</h1><p>One &amp; <b>two</b></p></body></html>",
    "a.html",
    "T\n\nOne & two",
  ],
  ["a PDF", pdfOf("Hello from a PDF", { pages: 2 }), "a.pdf", "Hello from a PDF\n\nHello from a PDF"],
  ["a Word document", docxOf(["First", "第二段"]), "a.docx", "First\n\n第二段"],
  ["an image", png, "a.png", null],
  [
    "a spreadsheet",
    zipOf([
      { name: "[Content_Types].xml", content: "<Types/>" },
      { name: "xl/workbook.xml", content: "<w/>" },
    ]),
    "a.xlsx",
    null,
  ],
])("[P3.9] %s", async (_, content, name, text) => {
  expect(await read(content, name)).toBe(text)
})

test("what is longer than a bot may get is cut, and that is said", async () => {
  const settings = { FILES_MAX_TEXT_LENGTH: "10" }
  const cut = "\n[The file is longer: only its first 10 characters are here.]"
  expect(await read("0123456789", "a.txt", settings)).toBe("0123456789")
  expect(await read("0123456789+", "a.txt", settings)).toBe(`0123456789${cut}`)
  expect(await read("世".repeat(11), "a.txt", settings)).toBe(`${"世".repeat(10)}${cut}`)
  expect(await read(`012345678${"😀".repeat(9)}`, "a.txt", settings)).toBe(`012345678\ufffd${cut}`)
  expect(await read(pdfOf("Hello from a PDF"), "a.pdf", settings)).toBe(`Hello from${cut}`)
  expect(await read("<p>Hello from a page", "a.html", settings)).toBe(`Hello from${cut}`)
  expect(await read(docxOf(["Hello from Word"]), "a.docx", settings)).toBe(`Hello from${cut}`)
})

test("a CSV of 15 MB costs no more than what is read of it", async () => {
  await using opened = await openTestFiles()
  const row = "name,城市,12345678\n"
  const id = await opened.keep(row.repeat(15_000_000 / 20), "big.csv")
  Bun.gc(true)
  const before = process.memoryUsage.rss()
  const text = (await opened.files.text(id)) ?? ""
  expect(text).toStartWith(row)
  expect(text).toEndWith("only its first 500000 characters are here.]")
  expect(process.memoryUsage.rss() - before).toBeLessThan(30e6)
})

const zeros = new Uint8Array(200 * 1024 * 1024)

test.each<[string, () => Bytes, string, string]>([
  ["a PDF with 100,000 pages", () => pdfOf("x", { pages: 100_000 }), "a.pdf", "pages"],
  ["an encrypted PDF", () => pdfOf("x", { encrypted: true }), "a.pdf", "encrypted"],
  ["a PDF of which only the beginning is there", () => pdfOf("x").slice(0, 200), "a.pdf", "broken"],
  ["a PDF that is its first line", () => "%PDF-1.7\n", "a.pdf", "broken"],
  [
    "a document whose directory lies about its size",
    () => docxOf(["x"], [{ name: "word/styles.xml", content: zeros, said: 1000 }]),
    "a.docx",
    "zip",
  ],
  [
    "a document of broken XML",
    () => zipOf([...docxFrame, { name: "word/document.xml", content: "<w:p" }]),
    "a.docx",
    "broken",
  ],
])("%s is `file_unreadable`", async (_, make, name, problem) => {
  const content = make()
  Bun.gc(true)
  const before = process.memoryUsage.rss()
  expect(await read(content, name)).toBe(`file_unreadable: ${problem}`)
  expect(process.memoryUsage.rss() - before).toBeLessThan(80e6)
})

test("elements in elements without end are read as far as it makes sense", async () => {
  const deep = `<p>top</p>${"<div>".repeat(500_000)}deep`
  expect(await read(deep, "deep.html")).toStartWith("top")
})

test("entities that name entities are not unfolded", async () => {
  const entities = Array.from({ length: 9 }, (_, at) => `<!ENTITY e${at + 1} "${`&e${at};`.repeat(10)}">`).join("")
  const content = documentXml("<w:p><w:r><w:t>&e9;</w:t></w:r></w:p>").replace(
    "<w:document",
    `<!DOCTYPE x [<!ENTITY e0 "ha">${entities}]><w:document`,
  )
  const text = await read(zipOf([...docxFrame, { name: "word/document.xml", content }]), "a.docx")
  expect((text ?? "").length).toBeLessThan(100)
})

test("reading that takes too long is ended", async () => {
  expect(await read(pdfOf("x", { pages: 1500 }), "a.pdf", { FILES_TEXT_TIMEOUT: "0.05" })).toBe("file_unreadable: slow")
})

test("reading that takes too much memory is ended", async () => {
  const settings = { FILES_TEXT_MEMORY_BYTES: "100000000" }
  expect(await read(pdfOf("x", { pages: 2000 }), "a.pdf", settings)).toBe("file_unreadable: memory")
})

test("many at once are read one after the other, and a bad one keeps no place", async () => {
  await using opened = await openTestFiles()
  const bad = await opened.keep(pdfOf("x", { encrypted: true }), "bad.pdf")
  const good = await opened.keep(docxOf(["good"]), "good.docx")
  const asked = Array.from({ length: 8 }, (_, at) => opened.files.text(at % 2 ? bad : good).catch(() => "bad"))
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 8 }, (_, at) => (at % 2 ? "bad" : "good")))
})

test("a bot reads the files of the chat's owner and of nobody else, and keeps those it makes", async () => {
  await using opened = await openTestFiles()
  const id = await opened.keep("mine", "a.txt")
  for (const act of [opened.filesFor(2).bytes(id), opened.filesFor(2).text(id)]) {
    expect(await act.catch((error: unknown) => ChatError.from(error).code)).toBe("not_found")
  }
  expect(new TextDecoder().decode(await opened.files.bytes(id))).toBe("mine")
  const made = await opened.files.save({ name: "../report.csv", mime_type: "text/csv", content: "a,b" })
  expect(made).toMatchObject({ name: "report.csv", mime_type: "text/csv", size: 3, url: `/chat/file/${made.file_id}` })
  expect(await opened.files.text(made.file_id ?? "")).toBe("a,b")
  const wrong = opened.files.save({ name: "a.png", mime_type: "image/png", content: "no image" })
  expect(await wrong.catch((error: unknown) => ChatError.from(error).code)).toBe("file_type")
})
