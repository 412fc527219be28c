// Reads PDF, DOCX and HTML as text. It runs in a process of its own (extract-process.ts): what it is given may be made to do harm.
import { convert } from "html-to-text"
import mammoth from "mammoth"
import { getDocumentProxy } from "unpdf"
import { ChatError } from "../errors.ts"
import type { Extracted, ExtractTask, Readable } from "./extract-task.ts"
import { docx } from "./kind.ts"
import { checkZip } from "./zip.ts"

const readers: Record<Readable, (bytes: Buffer, task: ExtractTask) => Promise<string>> = {
  "application/pdf": pdfText,
  "text/html": htmlText,
  [docx]: docxText,
}

export async function extractText(bytes: Buffer, task: ExtractTask): Promise<Extracted> {
  try {
    const text = await readers[task.mime_type](bytes, task)
    return { text: text.slice(0, task.max_length).toWellFormed(), cut: text.length > task.max_length }
  } catch (error) {
    return { problem: problemOf(error) }
  }
}

function problemOf(error: unknown): string {
  if (error instanceof ChatError) return String(error.params.problem)
  return error instanceof Error && error.name === "PasswordException" ? "encrypted" : "broken"
}

async function pdfText(bytes: Buffer, { max_length, max_pages }: ExtractTask): Promise<string> {
  const document = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 })
  if (document.numPages > max_pages) throw new ChatError("file_unreadable", { params: { problem: "pages" } })
  let text = ""
  for (let number = 1; number <= document.numPages && text.length <= max_length; number++) {
    const page = await document.getPage(number)
    const { items } = await page.getTextContent()
    const lines = items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : ""))
    text += `${number === 1 ? "" : "\n\n"}${lines.join("")}`
    page.cleanup()
  }
  return text
}

async function docxText(bytes: Buffer): Promise<string> {
  await checkZip(bytes)
  return (await mammoth.extractRawText({ buffer: bytes })).value.trim()
}

async function htmlText(bytes: Buffer): Promise<string> {
  return convert(bytes.toString("utf8"), {
    wordwrap: false,
    limits: { maxDepth: 256, maxInputLength: bytes.length },
    selectors: [{ selector: "img", format: "skip" }],
  })
}
