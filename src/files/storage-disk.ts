// Content in a folder: {folder}/{last two digits of the id}/{id}. What is there is whole: it comes by a link, after its bytes are on the disk.
import { link, mkdir, open, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { type ByteRange, ContentMissingError, type FileStorage, isCode } from "./storage.ts"

export function openDiskStorage(folder: string): FileStorage {
  // The last digits are random, the first ones the time.
  const pathOf = (id: string) => join(folder, id.slice(-2), id)
  return {
    async put(id, path) {
      const target = pathOf(id)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await link(path, target)
      await syncFolder(dirname(target))
    },
    async get(id, range?: ByteRange) {
      const path = pathOf(id)
      await stat(path).catch((cause: unknown) => {
        throw isCode(cause, "ENOENT") ? new ContentMissingError(id, { cause }) : cause
      })
      const file = Bun.file(path)
      return (range ? file.slice(range.start, range.end + 1) : file).stream()
    },
    delete: (id) => rm(pathOf(id), { force: true }),
  }
}

/** So that the name, too, survives the loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
