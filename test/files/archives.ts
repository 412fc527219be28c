// ZIP archives as people make them, and as nobody should: the directory says whatever the test wants.
import { crc32, deflateRawSync } from "node:zlib"

export interface ZipEntry {
  readonly name: string
  readonly content: string | Uint8Array
  /** What the directory says of its size; a lie, where it is another. */
  readonly said?: number
}

type Bytes = Uint8Array<ArrayBuffer>

export function zipOf(entries: readonly ZipEntry[]): Bytes {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let offset = 0
  for (const { name, content, said } of entries) {
    const raw = typeof content === "string" ? new TextEncoder().encode(content) : content
    const packed = deflateRawSync(raw)
    const fields = { crc: crc32(raw), packed: packed.length, size: said ?? raw.length, name: Buffer.from(name) }
    parts.push(localHeader(fields), packed)
    directory.push(directoryEntry(fields, offset))
    offset += 30 + fields.name.length + packed.length
  }
  const listed = Buffer.concat(directory)
  return new Uint8Array(Buffer.concat([...parts, listed, endOf(entries.length, listed.length, offset)]))
}

/** A directory of `count` entries that are all the same one of a byte. */
export function zipOfMany(count: number): Bytes {
  const fields = { crc: crc32("x"), packed: 1, size: 1, name: Buffer.from("a") }
  const header = Buffer.concat([localHeader(fields, 0), Buffer.from("x")])
  const entry = directoryEntry(fields, 0, 0)
  const listed = Buffer.alloc(entry.length * count, entry)
  const place = header.length + listed.length
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(0x06064b50, 0)
  end64.writeBigUInt64LE(44n, 4)
  end64.writeUInt16LE(45, 12)
  end64.writeUInt16LE(45, 14)
  end64.writeBigUInt64LE(BigInt(count), 24)
  end64.writeBigUInt64LE(BigInt(count), 32)
  end64.writeBigUInt64LE(BigInt(listed.length), 40)
  end64.writeBigUInt64LE(BigInt(header.length), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(place), 8)
  locator.writeUInt32LE(1, 16)
  const end = endOf(0xffff, 0xffffffff, 0xffffffff)
  return new Uint8Array(Buffer.concat([header, listed, end64, locator, end]))
}

/** A Word document of these paragraphs; `more` goes into the archive beside them. */
export function docxOf(paragraphs: readonly string[], more: readonly ZipEntry[] = []): Bytes {
  const body = paragraphs.map((text) => `<w:p><w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`).join("")
  return zipOf([...docxFrame, { name: "word/document.xml", content: documentXml(body) }, ...more])
}

export function documentXml(body: string): string {
  const names = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
  return `<?xml version="1.0" encoding="UTF-8"?><w:document ${names}><w:body>${body}</w:body></w:document>`
}

const main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
const relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
export const docxFrame: readonly ZipEntry[] = [
  {
    name: "[Content_Types].xml",
    content: `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="${main}"/></Types>`,
  },
  {
    name: "_rels/.rels",
    content: `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="${relation}" Target="word/document.xml"/></Relationships>`,
  },
]

interface Fields {
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly name: Buffer
}

function localHeader({ crc, packed, size, name }: Fields, method = 8): Buffer {
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(20, 4)
  header.writeUInt16LE(method, 8)
  header.writeUInt32LE(crc, 14)
  header.writeUInt32LE(packed, 18)
  header.writeUInt32LE(size, 22)
  header.writeUInt16LE(name.length, 26)
  return Buffer.concat([header, name])
}

function directoryEntry({ crc, packed, size, name }: Fields, offset: number, method = 8): Buffer {
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(20, 4)
  entry.writeUInt16LE(20, 6)
  entry.writeUInt16LE(method, 10)
  entry.writeUInt32LE(crc, 16)
  entry.writeUInt32LE(packed, 20)
  entry.writeUInt32LE(size, 24)
  entry.writeUInt16LE(name.length, 28)
  entry.writeUInt32LE(offset, 42)
  return Buffer.concat([entry, name])
}

function endOf(count: number, length: number, offset: number): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(count, 0xffff), 8)
  end.writeUInt16LE(Math.min(count, 0xffff), 10)
  end.writeUInt32LE(length, 12)
  end.writeUInt32LE(offset, 16)
  return end
}
