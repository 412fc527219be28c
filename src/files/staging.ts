// A file on its way in: written beside the others while it is counted, hashed and looked at. What is refused was never kept.
// The draft stays until the row is written: after a crash it names the content that nobody would know of else.
// Not node:fs/promises: of this one, the build loads `promises` when it is first used (2 ms of a start, Bun 1.4.5).
import { promises as disk } from "node:fs"
import { join } from "node:path"
import { ChatError } from "../errors.ts"
import type { Content } from "./kind.ts"
import { isCode } from "./storage.ts"

export interface Staged extends Content {
  readonly size: number
  /** Hex. */
  readonly sha256: string
}

const headBytes = 65_536

export class Staging {
  readonly #folder: string
  readonly #max_bytes: number

  constructor(folder: string, max_bytes: number) {
    this.#folder = folder
    this.#max_bytes = max_bytes
  }

  /** Takes the stream to its end. Throws `file_too_large` as soon as it is, without reading on; `file_unreadable` when it is empty. */
  async stage(id: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Staged> {
    await disk.mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const path = join(this.#folder, id)
    try {
      return { ...(await this.#write(path, chunks)), path }
    } catch (error) {
      await this.forget(id)
      throw error
    }
  }

  async #write(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    const hash = new Bun.CryptoHasher("sha256")
    const text = new TextCheck()
    const head: Uint8Array[] = []
    let size = 0
    const draft = await disk.open(path, "wx", 0o600)
    try {
      for await (const chunk of chunks) {
        // Copied: a parser may use its buffer again.
        if (size < headBytes) head.push(chunk.slice(0, headBytes - size))
        size += chunk.length
        if (size > this.#max_bytes) throw new ChatError("file_too_large", { params: { limit: this.#max_bytes } })
        hash.update(chunk)
        text.add(chunk)
        await draft.writeFile(chunk)
      }
      if (size === 0) throw new ChatError("file_unreadable", { params: { problem: "empty" } })
      await draft.sync()
    } finally {
      await draft.close()
    }
    return { size, sha256: hash.digest("hex"), head: Buffer.concat(head), isText: text.end() }
  }

  /** The ids of drafts that nobody works on any more: those of before `before`, milliseconds since the epoch. */
  async left(before: number): Promise<string[]> {
    const names = await disk.readdir(this.#folder).catch((error: unknown) => {
      if (isCode(error, "ENOENT")) return []
      throw error
    })
    const old = await Promise.all(
      names.map(async (name) => (await disk.stat(join(this.#folder, name))).mtimeMs < before),
    )
    return names.filter((_, at) => old[at])
  }

  async forget(id: string): Promise<void> {
    await disk.rm(join(this.#folder, id), { force: true })
  }
}

/** Is it UTF-8 without U+0000, however it is cut into chunks? */
class TextCheck {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true })
  #text = true

  add(chunk: Uint8Array): void {
    this.#text &&= !chunk.includes(0) && this.#decodes(chunk, true)
  }

  end(): boolean {
    return this.#text && this.#decodes(new Uint8Array(), false)
  }

  #decodes(chunk: Uint8Array, stream: boolean): boolean {
    try {
      this.#decoder.decode(chunk, { stream })
      return true
    } catch {
      return false
    }
  }
}
