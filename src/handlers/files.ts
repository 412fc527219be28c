// What a handler may do with files; the store does it (store/files.ts).
import type { FilePart } from "../protocol/message.ts"

type File = Omit<FilePart, "type">

export interface NewFile {
  readonly name: string
  readonly mime_type: string
  readonly content: Uint8Array<ArrayBuffer> | string
}

/** Of one chat. A file of another owner is not there: `not_found`. */
export interface Files {
  /** The content of a file that is kept here. Throws ChatError `not_found`. */
  bytes(file_id: string): Promise<Uint8Array<ArrayBuffer>>
  /** What can be read in it as text (text, Markdown, CSV, HTML, PDF, DOCX), within limits; null: nothing. Throws `not_found`, `file_unreadable`. */
  text(file_id: string): Promise<string | null>
  /** Keeps a file for the chat's owner; to show it, yield it as `file`. Throws `file_too_large`, `file_type`. */
  save(file: NewFile): Promise<File>
}
