// An S3 service of somebody else's making, as a process: says its port, and ends with its input.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import S3rver from "s3rver"

const directory = mkdtempSync(join(tmpdir(), "s3rver-"))
const configureBuckets = [{ name: "chat", configs: [] }]
const server = new S3rver({ port: 0, address: "127.0.0.1", silent: true, directory, configureBuckets })
const { port } = await server.run()
process.stdout.write(`${port}\n`)
process.stdin.resume().on("end", () => {
  rmSync(directory, { recursive: true, force: true })
  process.exit(0)
})
