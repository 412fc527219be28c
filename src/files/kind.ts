// What a file is: found by its content. Its name and the type that its sender declares may only say it more exactly.
import { ChatError } from "../errors.ts"
import { extensionOf } from "./name.ts"

const office = "application/vnd.openxmlformats-officedocument"
export const docx = `${office}.wordprocessingml.document`

/** Extension -> type, as far as names are held against contents. */
const extensions: Record<string, string> = {
  ...{ txt: "text/plain", log: "text/plain", md: "text/markdown", markdown: "text/markdown", csv: "text/csv" },
  ...{ html: "text/html", htm: "text/html", xhtml: "text/html", svg: "image/svg+xml", json: "application/json" },
  ...{ pdf: "application/pdf", zip: "application/zip", exe: "application/x-msdownload" },
  docx,
  xlsx: `${office}.spreadsheetml.sheet`,
  pptx: `${office}.presentationml.presentation`,
  ...{
    png: "image/png",
    jpg: "image/jpeg",
    jpeg: "image/jpeg",
    gif: "image/gif",
    webp: "image/webp",
    bmp: "image/bmp",
  },
}
const known = new Set(Object.values(extensions))
/** Other names of the same; what Windows calls a CSV. */
const synonyms: Record<string, string> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "text/x-markdown": "text/markdown",
  "application/csv": "text/csv",
  "application/vnd.ms-excel": "text/csv",
  "text/json": "application/json",
  "application/x-pdf": "application/pdf",
  "application/xhtml+xml": "text/html",
  "application/x-zip-compressed": "application/zip",
}
/** What text may be, when its name or its sender says so. */
const texts = new Set(["text/plain", "text/markdown", "text/csv", "text/html", "application/json", "image/svg+xml"])

export interface Content {
  /** Where it lies on this machine. */
  readonly path: string
  /** Its beginning. */
  readonly head: Uint8Array
  /** All of it is UTF-8 without U+0000. */
  readonly isText: boolean
}

export interface Claim {
  readonly name: string
  /** The Content-Type of its sender. */
  readonly declared?: string | undefined
}

/** The type that is kept with the file. Throws `file_type` when it is not `accepted`, or not what name or sender say; `file_unreadable`. */
export async function kindOf(content: Content, claim: Claim, accepted: readonly string[]): Promise<string> {
  const byName = extensions[extensionOf(claim.name)]
  const declared = declaredBy(claim)
  const found = content.isText ? textKind(content.head, byName ?? declared) : await binaryKind(content)
  const contradicted = [byName, declared].some(
    (said) => said !== undefined && said !== found && !(content.isText && texts.has(said) && texts.has(found)),
  )
  if (contradicted || !accepted.some((pattern) => fits(pattern, found))) {
    throw new ChatError("file_type", { params: { type: found, accepted: accepted.join(", ") } })
  }
  return found
}

function fits(pattern: string, type: string): boolean {
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type
}

/** Undefined: the sender said nothing that could be wrong. */
function declaredBy({ declared }: Claim): string | undefined {
  const type = declared?.split(";")[0]?.trim().toLowerCase() ?? ""
  const usual = synonyms[type] ?? type
  return known.has(usual) ? usual : undefined
}

function textKind(head: Uint8Array, said: string | undefined): string {
  const start = new TextDecoder().decode(head.subarray(0, 1024)).trimStart().toLowerCase()
  if (start.startsWith("%pdf-")) return "application/pdf"
  if (said !== undefined && texts.has(said)) return said
  // For the words of a refusal, should it have been called something else.
  if (start.startsWith("<svg")) return "image/svg+xml"
  return /^<(?:!doctype html|html|head|body|script)\b/.test(start) ? "text/html" : "text/plain"
}

/** What knows them is loaded by the first that needs it. */
async function binaryKind({ path, head }: Content): Promise<string> {
  if (startsWith(head, [0x50, 0x4b, 0x03, 0x04])) return zipKind(await (await import("./zip.ts")).namesInZip(path))
  const { fileTypeFromBuffer } = await import("file-type")
  return (await fileTypeFromBuffer(head).catch(() => undefined))?.mime ?? "application/octet-stream"
}

function zipKind(names: ReadonlySet<string>): string {
  const has = (pattern: RegExp) => names.values().some((name) => pattern.test(name))
  if (!names.has("[Content_Types].xml")) return "application/zip"
  if (has(/^word\/document\d*\.xml$/)) return docx
  if (has(/^xl\/workbook\d*\.xml$/)) return `${office}.spreadsheetml.sheet`
  if (has(/^ppt\/presentation\d*\.xml$/)) return `${office}.presentationml.presentation`
  return "application/zip"
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => bytes[at] === byte)
}
