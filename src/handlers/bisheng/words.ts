// Bisheng's words made fit for our protocol: well-formed, and no longer than a place for them holds.
import type { FilePart } from "../../protocol/message.ts"

/** Well-formed, without U+0000, at most `longest` UTF-16 units. */
export function fit(text: string, longest: number): string {
  return text.replaceAll("\0", "").toWellFormed().slice(0, longest).toWellFormed()
}

type File = Omit<FilePart, "type">

/** A file that Bisheng names, as one that lies elsewhere; undefined when it has no address that a person could open. */
export function fileAt(url: string | undefined, name: string | undefined, base_url: string): File | undefined {
  // What Bisheng's pages open beside themselves is given without a host.
  const address = url === undefined ? null : URL.parse(url, `${base_url}/`)
  if (!address || !/^https?:$/.test(address.protocol) || address.href.length > 2048) return undefined
  const last = address.pathname.split("/").at(-1) ?? ""
  const called = fit(name ?? decoded(last), 255) || "file"
  const [type = ""] = Bun.file(called).type.split(";")
  return { name: called, url: address.href, mime_type: type || "application/octet-stream" }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
