// The name that a person gave a file: shown to people, and never a path here.

// Controls, and what turns the direction of text or hides in it: exe.gnp and png.exe would look the same.
const hidden = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu
const maxLength = 200

/** The last part of the name, without what would mislead; `file` when nothing is left. */
export function safeName(given: string): string {
  const last = given.toWellFormed().normalize("NFC").split(/[/\\]/).at(-1) ?? ""
  const clean = last
    .replaceAll(hidden, "")
    .replaceAll(/\s+/g, " ")
    .replace(/^[. ]+|[. ]+$/g, "")
  return clean === "" ? "file" : shortened(clean)
}

/** Its extension stays. */
function shortened(name: string): string {
  if (name.length <= maxLength) return name
  const extension = extensionOf(name)
  const end = extension === "" ? "" : `.${extension}`
  return `${name.slice(0, maxLength - end.length).replace(/[\ud800-\udbff]$/, "")}${end}`
}

/** In lower case, without the dot; "" when there is none. */
export function extensionOf(name: string): string {
  return /.\.([A-Za-z0-9]{1,16})$/.exec(name)?.[1]?.toLowerCase() ?? ""
}

/** RFC 6266: a name for old clients, and the real one. */
export function contentDisposition(kind: "attachment" | "inline", name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_")
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`
}
