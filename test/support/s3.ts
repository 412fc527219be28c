// Starts s3rver, an S3 service from npm, on a free port; it ends with the test.
import { join } from "node:path"

export interface S3Server extends AsyncDisposable {
  /** As the configuration names it. */
  readonly config: {
    readonly endpoint: string
    readonly bucket: string
    readonly region: string
    readonly access_key_id: string
    readonly secret_access_key: string
  }
  /** The keys in the bucket. */
  keys(): Promise<string[]>
}

export async function startS3(): Promise<S3Server> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "s3rver.mjs")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  })
  const port = await firstLine(child.stdout)
  const endpoint = `http://127.0.0.1:${port}`
  const keys = { access_key_id: "S3RVER", secret_access_key: "S3RVER" }
  const client = new Bun.S3Client({ endpoint, bucket: "chat", accessKeyId: "S3RVER", secretAccessKey: "S3RVER" })
  return {
    config: { endpoint, bucket: "chat", region: "us-east-1", ...keys },
    keys: async () => ((await client.list()).contents ?? []).map(({ key }) => key),
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await child.exited
    },
  }
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ""
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true })
    if (text.includes("\n")) return text.trim()
  }
  throw new Error("s3rver did not start")
}
