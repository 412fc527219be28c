// The files of a message: those that are kept here are named by their id alone, and the store knows the rest.

import type { z } from "zod"
import { ChatError } from "../errors.ts"
import type { SaidFile } from "../protocol/client-frame.ts"
import type { FilePart } from "../protocol/message.ts"
import type { Database } from "../store/database.ts"
import { messageByClientId } from "../store/events.ts"
import { fileOf, ownFiles } from "../store/files.ts"
import type { Incoming } from "./new-message.ts"

type Said = z.infer<typeof SaidFile>

/** Throws `not_found` for one that is not the sender's own, and for a missing one alike (P3.8). */
export async function partsOfSaid(db: Database, incoming: Incoming<Said>): Promise<FilePart[]> {
  const { files } = incoming.said
  const ids = files.flatMap((file) => ("file_id" in file ? [file.file_id] : []))
  const rows = ids.length === 0 ? [] : await ownFiles(db, incoming.caller.principal.user_id, ids)
  const known = new Map(rows.map((row): [string, Omit<FilePart, "type">] => [row.id, fileOf(row)]))
  if (ids.some((id) => !known.has(id))) {
    for (const part of await saidBefore(db, incoming)) if (part.file_id) known.set(part.file_id, part)
  }
  return files.map((file) => {
    if (!("file_id" in file)) return { type: "file", ...file }
    const part = known.get(file.file_id)
    if (!part) throw new ChatError("not_found", { params: { what: "file" } })
    return { ...part, type: "file" }
  })
}

/** A resend of a message whose file was deleted since is the same message all the same (P3.3). */
async function saidBefore(db: Database, { chat, caller, client_id }: Incoming<Said>): Promise<FilePart[]> {
  if (client_id === null) return []
  const { user_id } = caller.principal
  const earlier = await messageByClientId(db, { session_id: chat.session.id, user_id, client_id })
  return (earlier?.parts ?? []).filter((part) => part.type === "file")
}
