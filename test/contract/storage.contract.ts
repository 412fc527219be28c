// What every kind of storage has to do.
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { ContentMissingError, type FileStorage } from "../../src/files/storage.ts"
import { newId } from "../../src/ids.ts"
import { temporaryFolder } from "../support/process.ts"

export interface MadeStorage extends AsyncDisposable {
  readonly storage: FileStorage
  /** The names of all that is kept. */
  names(): Promise<string[]>
}

export function registerStorageContract(name: string, make: () => Promise<MadeStorage>): void {
  describe(`the storage contract: ${name}`, () => {
    let made: MadeStorage
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    beforeAll(async () => {
      made = await make()
      folder = await temporaryFolder()
    })
    afterAll(async () => {
      await made[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    })
    const bytesOf = async (stream: Promise<ReadableStream>) => new Response(await stream).bytes()
    const put = async (content: Uint8Array): Promise<string> => {
      const id = newId("file")
      const path = join(folder.path, id)
      await Bun.write(path, content)
      await made.storage.put(id, path)
      return id
    }

    test.each([1, 65_537, 5 * 1024 * 1024, 12_000_001])("%d bytes come back as they went", async (size) => {
      const content = randomBytes(size)
      const id = await put(content)
      const back = await bytesOf(made.storage.get(id))
      expect(Buffer.compare(back, content)).toBe(0)
    })

    test("a part comes back, both ends included", async () => {
      const content = randomBytes(11_000_000)
      const id = await put(content)
      for (const [start, end] of [
        // Not 0-0, which s3rver 3.7 takes for all of it.
        [0, 1],
        [10_999_999, 10_999_999],
        [5_242_870, 5_242_890],
        [1, 10_999_998],
      ] as const) {
        const part = await bytesOf(made.storage.get(id, { start, end }))
        expect(Buffer.compare(part, content.subarray(start, end + 1))).toBe(0)
      }
    })

    test("what is not there is missing, and deleting it is no fault", async () => {
      const id = newId("file")
      expect(made.storage.get(id)).rejects.toBeInstanceOf(ContentMissingError)
      await made.storage.delete(id)
      const other = await put(randomBytes(10))
      await made.storage.delete(other)
      expect(made.storage.get(other)).rejects.toBeInstanceOf(ContentMissingError)
      expect((await made.names()).filter((key) => key.includes(other))).toEqual([])
    })

    test("what cannot be read to its end is not kept", async () => {
      const id = newId("file")
      expect(made.storage.put(id, join(folder.path, "missing"))).rejects.toThrow()
      expect((await made.names()).filter((key) => key.includes(id))).toEqual([])
    })

    test("a reader that goes away in the middle harms nobody", async () => {
      const content = randomBytes(12_000_000)
      const id = await put(content)
      const reader = (await made.storage.get(id)).getReader()
      expect((await reader.read()).value?.length).toBeGreaterThan(0)
      await reader.cancel()
      expect((await bytesOf(made.storage.get(id))).length).toBe(content.length)
    })

    test("several at once", async () => {
      const contents = Array.from({ length: 8 }, () => randomBytes(300_000))
      const ids = await Promise.all(contents.map(put))
      const back = await Promise.all(ids.map((id) => bytesOf(made.storage.get(id))))
      expect(back.map((bytes, at) => Buffer.compare(bytes, contents[at] ?? bytes.subarray(1)))).toEqual(
        contents.map(() => 0),
      )
    })
  })
}
