// Looks into a ZIP archive before anybody unpacks it: what is in it by name, and that it is not one that fills the memory.
import { type Entry, fromBufferPromise, openPromise, type ZipFile } from "yauzl"
import { ChatError } from "../errors.ts"

const maxEntries = 5000
const maxUnpacked = 128 * 1024 * 1024
/** Text in XML packs to a tenth, seldom to a fiftieth; of what is small, any. */
const maxRatio = 250
const small = 8 * 1024 * 1024

/** The names in the archive, by its directory. Throws `file_unreadable`: no whole archive, or too large unpacked. */
export async function namesInZip(path: string): Promise<Set<string>> {
  return within(
    () => openPromise(path, { autoClose: false }),
    async (zip) => new Set((await entriesOf(zip)).map(({ fileName }) => fileName)),
  )
}

/** Unpacks each entry to nowhere: the sizes in the directory may be a lie. Throws `file_unreadable`. */
export async function checkZip(bytes: Buffer): Promise<void> {
  await within(
    () => fromBufferPromise(bytes),
    async (zip) => {
      for (const entry of await entriesOf(zip)) {
        if (entry.fileName.endsWith("/")) continue
        // yauzl ends it with an error as soon as it is longer than the directory says.
        for await (const _ of await zip.openReadStreamPromise(entry));
      }
    },
  )
}

async function within<T>(open: () => Promise<ZipFile>, use: (zip: ZipFile) => Promise<T>): Promise<T> {
  let zip: ZipFile | undefined
  try {
    zip = await open()
    return await use(zip)
  } catch (cause) {
    throw cause instanceof ChatError ? cause : new ChatError("file_unreadable", { params: { problem: "zip" }, cause })
  } finally {
    zip?.close()
  }
}

async function entriesOf(zip: ZipFile): Promise<Entry[]> {
  if (zip.entryCount > maxEntries) throw bomb()
  const entries: Entry[] = []
  let packed = 0
  let unpacked = 0
  for await (const entry of zip.eachEntry()) {
    packed += entry.compressedSize
    unpacked += entry.uncompressedSize
    if (unpacked > maxUnpacked || (unpacked > small && unpacked > packed * maxRatio)) throw bomb()
    if (entry.isEncrypted()) throw new ChatError("file_unreadable", { params: { problem: "encrypted" } })
    entries.push(entry)
  }
  return entries
}

function bomb(): ChatError {
  return new ChatError("file_unreadable", { params: { problem: "zip_bomb" } })
}
