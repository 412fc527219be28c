// Files that Bisheng names, as parts of ours.
import type { FilePart } from "../../protocol/message.ts"
import { fit } from "../well-formed.ts"

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
