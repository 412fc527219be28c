// Content in a bucket of any service that speaks S3: {prefix}{id}. Large files go up in parts, of which one or two are in memory.
import type { FilesConfig } from "../settings.ts"
import { ContentMissingError, type FileStorage, isCode } from "./storage.ts"

type S3Config = NonNullable<FilesConfig["s3"]>

const prefix = "chat/files/"
const partBytes = 5 * 1024 * 1024

export function openS3Storage({ endpoint, bucket, region, access_key_id, secret_access_key }: S3Config): FileStorage {
  const client = new Bun.S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...{ bucket, region, accessKeyId: access_key_id, secretAccessKey: secret_access_key },
  })
  const fileOf = (id: string) => client.file(`${prefix}${id}`)
  return {
    async put(id, path) {
      const writer = fileOf(id).writer({
        partSize: partBytes,
        queueSize: 2,
        retry: 3,
        type: "application/octet-stream",
      })
      try {
        for await (const chunk of Bun.file(path).stream()) {
          writer.write(chunk)
          await writer.flush()
        }
        await writer.end()
      } catch (cause) {
        // Ends the upload; Bun (1.4) may keep what it has as a whole object all the same.
        await Promise.resolve(writer.end(cause instanceof Error ? cause : new Error(String(cause)))).catch(
          () => undefined,
        )
        await fileOf(id)
          .delete()
          .catch(() => undefined)
        throw cause
      }
    },
    async get(id, range) {
      const file = fileOf(id)
      await file.stat().catch((cause: unknown) => {
        throw isMissing(cause) ? new ContentMissingError(id, { cause }) : cause
      })
      return (range ? file.slice(range.start, range.end + 1) : file).stream()
    },
    delete: async (id) =>
      fileOf(id)
        .delete()
        .catch((error: unknown) => {
          if (!isMissing(error)) throw error
        }),
  }
}

function isMissing(error: unknown): boolean {
  return isCode(error, "NoSuchKey") || isCode(error, "NotFound")
}
