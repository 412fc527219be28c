// Content in a folder: {folder}/{last two digits of the id}/{id}. What is there is whole: it comes by a link, after its bytes are on the disk.
// Not node:fs/promises: of this one, the build loads `promises` when it is first used (2 ms of a start, Bun 1.4.5).
import { promises as disk } from "node:fs"
import { dirname, join } from "node:path"
import { type ByteRange, ContentMissingError, type FileStorage, isCode } from "./storage.ts"

export function openDiskStorage(folder: string): FileStorage {
  // The last digits are random, the first ones the time.
  const pathOf = (id: string) => join(folder, id.slice(-2), id)
  return {
    async put(id, path) {
      const target = pathOf(id)
      await disk.mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await disk.link(path, target)
      await syncFolder(dirname(target))
    },
    async get(id, range?: ByteRange) {
      const path = pathOf(id)
      await disk.stat(path).catch((cause: unknown) => {
        throw isCode(cause, "ENOENT") ? new ContentMissingError(id, { cause }) : cause
      })
      const file = Bun.file(path)
      return (range ? file.slice(range.start, range.end + 1) : file).stream()
    },
    delete: (id) => disk.rm(pathOf(id), { force: true }),
  }
}

/** So that the name, too, survives the loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await disk.open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
