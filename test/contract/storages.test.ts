// The storage contract for both kinds; and the service with its files in a bucket.
import { expect, test } from "bun:test"
import { readdir } from "node:fs/promises"
import { openDiskStorage } from "../../src/files/storage-disk.ts"
import { openS3Storage } from "../../src/files/storage-s3.ts"
import { filesIn, formOf, jsonOf, keep, upload } from "../files/support.ts"
import { temporaryFolder } from "../support/process.ts"
import { startS3 } from "../support/s3.ts"
import { startTestServer } from "../support/server.ts"
import { registerStorageContract } from "./storage.contract.ts"

registerStorageContract("disk", async () => {
  const folder = await temporaryFolder()
  return {
    storage: openDiskStorage(folder.path),
    names: () => readdir(folder.path, { recursive: true }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
})

registerStorageContract("s3", async () => {
  const server = await startS3()
  return {
    storage: openS3Storage(server.config),
    names: () => server.keys(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})

const environment = (s3: Record<string, string>) => ({
  FILES_STORAGE: "s3",
  ...Object.fromEntries(Object.entries(s3).map(([key, value]) => [`FILES_S3_${key.toUpperCase()}`, value])),
})

test("with a bucket nothing stays on this machine, and what was refused was never in the bucket", async () => {
  await using bucket = await startS3()
  await using server = await startTestServer({ env: environment(bucket.config) })
  const { url, file_id } = await keep(server, "in the bucket")
  expect((await upload(server, formOf("MZ", "a.png"))).code).toBe("file_type")
  expect(await bucket.keys()).toEqual([`chat/files/${file_id}`])
  expect(await filesIn(server)).toEqual([])
  const part = await server.fetch(url, { headers: { range: "bytes=3-5" } })
  expect([part.status, await part.text()]).toEqual([206, "the"])
  expect((await server.fetch(url, { method: "DELETE" })).status).toBe(200)
  expect(await bucket.keys()).toEqual([])
})

test("a bucket that is away is `store_unavailable`, to be tried again, and leaves nothing behind", async () => {
  const bucket = await startS3()
  await bucket[Symbol.asyncDispose]()
  const logged: string[] = []
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (_: object, text: string) => void logged.push(text),
    child: () => log,
  }
  await using server = await startTestServer({ env: environment(bucket.config), log })
  const refused = await upload(server, formOf("hello"))
  expect([refused.status, refused.code, refused.data.retry]).toEqual([503, "store_unavailable", true])
  expect((await jsonOf(server.fetch("/chat/file/list"))).data.items).toEqual([])
  expect(logged).toEqual(["request"])
})
