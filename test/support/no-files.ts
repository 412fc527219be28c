// Files for handlers that have none.
import { ChatError } from "../../src/errors.ts"
import type { Files } from "../../src/handlers/files.ts"

const notFound = () => Promise.reject(new ChatError("not_found", { params: { what: "file" } }))

export const noFiles: Files = { bytes: notFound, text: notFound, save: notFound }
