// Another process that holds the database file's lock, as a backup tool does.

export interface FileLock extends AsyncDisposable {
  release(): Promise<void>
}

const script = `
  const { Database } = require("bun:sqlite")
  const sqlite = new Database(process.argv[1])
  sqlite.exec("begin exclusive")
  console.write("locked\\n")
  for await (const _ of console) break
  sqlite.exec("rollback")
  sqlite.close()
`

/** Resolves when the other process has the lock. */
export async function lockFile(path: string): Promise<FileLock> {
  const child = Bun.spawn([process.execPath, "-e", script, path], { stdin: "pipe", stdout: "pipe", stderr: "inherit" })
  const { value } = await child.stdout.getReader().read()
  if (!value) throw new Error(`${path} could not be locked`)
  const release = async () => {
    if (child.exitCode !== null) return
    child.stdin.write("go\n")
    await child.stdin.end()
    await child.exited
  }
  return {
    release,
    [Symbol.asyncDispose]: release,
  }
}
