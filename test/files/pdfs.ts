// PDFs made by hand: as many pages as it takes, and such as need a password.

export interface PdfOptions {
  readonly pages?: number
  readonly encrypted?: boolean
}

/** Each page says `text`, in ASCII. */
export function pdfOf(text: string, { pages = 1, encrypted = false }: PdfOptions = {}): Uint8Array<ArrayBuffer> {
  const parts = ["%PDF-1.4\n"]
  const offsets: number[] = []
  let length = 9
  const add = (part: string) => {
    parts.push(part)
    length += part.length
  }
  const object = (number: number, body: string) => {
    offsets[number] = length
    add(`${number} 0 obj\n${body}\nendobj\n`)
  }
  const first = 6
  const kids = Array.from({ length: pages }, (_, at) => `${at + first} 0 R`).join(" ")
  const stream = `BT /F1 12 Tf 72 720 Td (${text}) Tj ET`
  object(1, "<< /Type /Catalog /Pages 2 0 R >>")
  object(2, `<< /Type /Pages /Count ${pages} /Kids [${kids}] >>`)
  object(3, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
  object(4, `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`)
  const key = "5a".repeat(32)
  object(5, `<< /Filter /Standard /V 1 /R 2 /O <${key}> /U <${key}> /P -4 >>`)
  const page = "/MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >>"
  for (let at = 0; at < pages; at++) object(at + first, `<< /Type /Page /Parent 2 0 R ${page} >>`)
  const table = length
  const size = pages + first
  const rows = offsets.slice(1).map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`)
  add(`xref\n0 ${size}\n0000000000 65535 f \n${rows.join("")}`)
  const lock = encrypted ? `/Encrypt 5 0 R /ID [<${key}> <${key}>]` : ""
  add(`trailer\n<< /Size ${size} /Root 1 0 R ${lock} >>\nstartxref\n${table}\n%%EOF\n`)
  return new TextEncoder().encode(parts.join(""))
}
