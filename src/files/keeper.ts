// Files from upload to deletion: the content in the storage, what is known of it in the store. First the content, then the row.
import type { Owner } from "../auth/rights.ts"
import { type Clock, timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { newId } from "../ids.ts"
import type { Log } from "../log.ts"
import type { FilesConfig } from "../settings.ts"
import type { Database } from "../store/database.ts"
import { deleteFile, findFile, insertFile, keptFiles, usedBy } from "../store/files.ts"
import type { FileRow } from "../store/schema.ts"
import { type Claim, kindOf } from "./kind.ts"
import { safeName } from "./name.ts"
import type { Staging } from "./staging.ts"
import { type ByteRange, ContentMissingError, type FileStorage } from "./storage.ts"

export interface KeeperDeps {
  readonly db: Database
  readonly storage: FileStorage
  readonly staging: Staging
  readonly config: FilesConfig
  readonly clock: Clock
  readonly log: Log
}

/** For whom a file is kept. */
export interface Keeping {
  /** Whose it is. */
  readonly user_id: number
  /** The question by whose link it came (held.ts). */
  readonly held_for?: string
}

/** Where several instances share a folder: an upload that another one works on is younger. */
const abandoned_ms = 3_600_000

export class FileKeeper {
  readonly #deps: KeeperDeps
  readonly #uploads = new Map<number | string, number>()

  constructor(deps: KeeperDeps) {
    this.#deps = deps
  }

  /** Keeps what `chunks` bring. Throws `file_too_large`, `file_type`, `file_unreadable`, `too_many_files`, `rate_limited`. */
  async keep(
    keeping: Keeping,
    claim: Claim,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<FileRow> {
    // Apart, so that whoever has a link cannot keep its maker from uploading.
    const who = keeping.held_for ?? keeping.user_id
    const running = this.#uploads.get(who) ?? 0
    if (running >= this.#deps.config.max_uploads_per_user) {
      throw new ChatError("rate_limited", { params: { seconds: 1 }, retry_after_ms: 1000 })
    }
    this.#uploads.set(who, running + 1)
    try {
      await this.#checkRoom(keeping.user_id)
      return await this.#take(keeping, claim, chunks)
    } finally {
      const left = (this.#uploads.get(who) ?? 1) - 1
      if (left > 0) this.#uploads.set(who, left)
      else this.#uploads.delete(who)
    }
  }

  /** Undefined: not there, or not of this owner. */
  find(owner: Owner, id: string): Promise<FileRow | undefined> {
    return findFile(this.#deps.db, owner, id)
  }

  /** Throws `not_found`, `store_unavailable`. */
  async read(id: string, range?: ByteRange): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return this.#deps.storage.get(id, range).catch((cause: unknown) => {
      // It was deleted in this moment, or somebody took it away behind our back.
      if (cause instanceof ContentMissingError) throw notFound(cause)
      throw storageAway(cause)
    })
  }

  /** Throws `not_found`. */
  async delete(owner: Owner, id: string): Promise<void> {
    if (!(await deleteFile(this.#deps.db, owner, id))) throw notFound()
    await this.deleteContent(id)
  }

  /** Of a file that has no row any more. */
  async deleteContent(id: string): Promise<void> {
    const { storage, log } = this.#deps
    await storage.delete(id).catch((error: unknown) => log.warn({ err: error, file_id: id }, "content was left behind"))
  }

  /** Takes away what a crash left half done. `alone`: no other instance works in the folder. */
  async tidy(alone: boolean): Promise<void> {
    const { db, staging, clock } = this.#deps
    const left = await staging.left(alone ? Number.POSITIVE_INFINITY : clock.now() - abandoned_ms)
    const kept = await keptFiles(db, left)
    for (const id of left) await this.#clear(id, kept.has(id))
  }

  async #take({ user_id, held_for }: Keeping, claim: Claim, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    const { db, storage, staging, config, clock } = this.#deps
    const id = newId("file")
    const name = safeName(claim.name)
    const { path, head, isText, size, sha256 } = await staging.stage(id, chunks)
    let written: boolean | undefined = false
    try {
      const mime_type = await kindOf({ path, head, isText }, { name, declared: claim.declared }, config.types)
      await storage.put(id, path).catch((cause: unknown) => {
        throw storageAway(cause)
      })
      const row = { id, user_id, name, mime_type, size, sha256, held_for: held_for ?? null }
      const kept = { ...row, create_time: timestamp(clock.now()), deleted_at: null }
      // Until the answer is there, nobody knows.
      written = undefined
      written = await insertFile(db, kept, config)
      if (!written) throw await this.#full(user_id)
      return kept
    } finally {
      // What may have been written waits for the next start (tidy), which asks the store.
      if (written !== undefined) await this.#clear(id, written)
    }
  }

  async #clear(id: string, kept: boolean): Promise<void> {
    const { storage, staging, log } = this.#deps
    try {
      if (!kept) await storage.delete(id)
      await staging.forget(id)
    } catch (error) {
      log.warn({ err: error, file_id: id }, "what is left of an upload is cleared at the next start")
    }
  }

  /** Before a byte is read; the last word is the row's own (insertFile). */
  async #checkRoom(user_id: number): Promise<void> {
    const { max_files_per_user, max_bytes_per_user } = this.#deps.config
    const { number, bytes } = await usedBy(this.#deps.db, user_id)
    if (number >= max_files_per_user || bytes >= max_bytes_per_user) throw await this.#full(user_id)
  }

  async #full(user_id: number): Promise<ChatError> {
    const { max_files_per_user, max_bytes_per_user } = this.#deps.config
    const byNumber = (await usedBy(this.#deps.db, user_id)).number >= max_files_per_user
    const params = byNumber
      ? { problem: "files_count", limit: max_files_per_user }
      : { problem: "files_bytes", limit: max_bytes_per_user }
    return new ChatError("too_many_files", { params })
  }
}

export function notFound(cause?: unknown): ChatError {
  return new ChatError("not_found", { params: { what: "file" }, cause })
}

function storageAway(cause: unknown): ChatError {
  return ChatError.within(cause) ?? new ChatError("store_unavailable", { cause, retry_after_ms: 1000 })
}
