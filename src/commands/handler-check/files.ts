// Files for a handler on trial: those that it makes itself, in memory.
import { ChatError } from "../../errors.ts"
import type { Files } from "../../handlers/files.ts"
import { newId } from "../../ids.ts"

export function filesInMemory(): Files {
  const kept = new Map<string, Uint8Array<ArrayBuffer>>()
  const bytes = async (file_id: string) => {
    const content = kept.get(file_id)
    if (!content) throw new ChatError("not_found", { params: { what: "file" } })
    return content
  }
  return {
    bytes,
    text: async (file_id) => new TextDecoder().decode(await bytes(file_id)),
    async save({ name, mime_type, content }) {
      const file_id = newId("file")
      const saved = typeof content === "string" ? new TextEncoder().encode(content) : content
      kept.set(file_id, saved)
      const sha256 = new Bun.CryptoHasher("sha256").update(saved).digest("hex")
      return { file_id, name, mime_type, url: `/chat/file/${file_id}`, size: saved.length, sha256 }
    },
  }
}
